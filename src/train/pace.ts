/** How long training may go on: so many times over the rows, or as many as fit into some seconds. */
export type Length = number | { readonly seconds: number; readonly most: number }

/** What a step, and the judging at the end of an epoch, were seen to take, in seconds. */
interface Pace {
  readonly step: number
  readonly judging: number
}

/** A machine that became slower than it was when the epochs were planned may take so many times the time. */
const GRACE = 1.5

/** Times over the rows that fit: at least one, at most what was asked for. */
export function epochsWithin({ seconds, most }: Exclude<Length, number>, pace: Pace, steps: number): number {
  return Math.max(1, Math.min(most, Math.floor(seconds / Math.max(1e-6, pace.step * steps + pace.judging))))
}

/** Whether training took clearly more than its seconds, however it was planned: then it ends where it is. */
export const overdue = (length: Length, seconds: number): boolean =>
  typeof length !== 'number' && seconds > GRACE * length.seconds
