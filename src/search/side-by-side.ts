/**
 * Works on the items with at most `workers` under way at a time, begun in their order; results in the same order. After
 * an error nothing more is begun, and it is thrown when what was under way has ended.
 */
export async function sideBySide<I, O>(
  items: readonly I[],
  workers: number,
  work: (item: I) => Promise<O>,
): Promise<readonly O[]> {
  const results: O[] = []
  const errors: unknown[] = []
  let next = 0
  const lane = async () => {
    while (next < items.length && errors.length === 0) {
      const place = next++
      try {
        results[place] = await work(items[place]!)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, items.length)) }, lane))
  if (errors.length > 0) throw errors[0]
  return results
}
