import type { RowLabel } from './metric.ts'

/** Watches whether all rows are the same row: then they prove no more than one does, however many there are. */
export interface SameRows {
  add(fields: Readonly<Record<string, RowLabel>>): void
  /** Whether several rows came, all with the same inputs and the same label. */
  result(): boolean
}

/** @param inputs Names of the fields that a model is fed with; without any, nothing is known and nothing is said. */
export function sameRows(inputs: readonly string[], label: string | null): SameRows {
  const names = label === null ? inputs : [...inputs, label]
  let first: readonly (RowLabel | undefined)[] | null = null
  let rows = 0
  let same = inputs.length > 0
  return {
    add(fields) {
      rows++
      // The first difference settles it; from then on nothing is looked at.
      if (!same) return
      if (first === null) first = names.map((name) => copied(fields[name]))
      else same = names.every((name, i) => equal(first![i], fields[name]))
    },
    result: () => same && rows > 1,
  }
}

/** Arrays of a batch may be written over by the next one. */
const copied = (value: RowLabel | undefined) => (ArrayBuffer.isView(value) ? (value.slice() as RowLabel) : value)

function equal(a: RowLabel | undefined, b: RowLabel | undefined): boolean {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return Object.is(a, b)
  const [x, y] = [a as Float32Array, b as Float32Array]
  return x.length === y.length && x.every((value, i) => Object.is(value, y[i]))
}
