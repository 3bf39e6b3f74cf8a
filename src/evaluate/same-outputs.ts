import type { RowOutputs } from './row-outputs.ts'

/**
 * Watches whether a model gives exactly the same numbers to every row: then the rows are one row many times over, or the
 * model does not look at them, and a thousand of them prove no more than one. Costs next to nothing once two rows differ.
 */
export function sameOutputs(): { add(outputs: RowOutputs): void; result(): boolean } {
  let first: RowOutputs | undefined
  let rows = 0
  let same = true
  return {
    add(outputs) {
      rows++
      if (!first) first = Object.fromEntries(Object.entries(outputs).map(([name, one]) => [name, copied(one)]))
      else if (same) same = Object.entries(first).every(([name, one]) => equal(one, outputs[name]))
    },
    result: () => same && rows > 1,
  }
}

/** The row is a view of its batch, which shall not be kept for it. */
const copied = (one: RowOutputs[string]): RowOutputs[string] => ({ ...one, data: one.data.slice() as typeof one.data })

function equal(one: RowOutputs[string], other: RowOutputs[string] | undefined): boolean {
  if (!other || one.data.length !== other.data.length) return false
  for (let i = 0; i < one.data.length; i++) if (!Object.is(one.data[i], other.data[i])) return false
  return true
}
