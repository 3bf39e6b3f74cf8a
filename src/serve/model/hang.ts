/** Parts of a limit. This process may have stood still for a whole part, and one is all that a standstill counts for. */
const PARTS = 20

/**
 * Calls `hung` when `ms` milliseconds are over in which this process could have heard of an end. A machine that stood
 * still (a suspended laptop, a virtual machine that moves, far too many processes) wakes with every timer overdue and
 * the answers not yet read: by the clock alone, whatever ran would have hung. What is given back ends the watch.
 */
export function watchForHang(ms: number, hung: () => void): () => void {
  let parts = 0
  let timer: NodeJS.Timeout
  const next = () => {
    timer = setTimeout(() => (++parts < PARTS ? next() : hung()), ms / PARTS)
  }
  next()
  return () => clearTimeout(timer)
}
