/**
 * Ranks from 1, equal values sharing the mean of theirs.
 *
 * @throws RangeError for a value that is not a number: it stands nowhere among others.
 */
export function midRanks(values: ArrayLike<number>): Float64Array {
  for (let i = 0; i < values.length; i++)
    if (Number.isNaN(values[i])) throw new RangeError(`value ${i} is not a number, and has no rank`)
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!)
  const ranks = new Float64Array(values.length)
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++
    for (let k = start; k < end; k++) ranks[order[k]!] = (start + end + 1) / 2
    start = end
  }
  return ranks
}
