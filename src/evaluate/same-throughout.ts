import type { RowLabel } from './metric/metric.ts'

/** What a row holds under a name: a number, a text, an array of either, or nothing. */
type Cell = RowLabel | readonly string[] | undefined

/** Watches whether all rows hold the same: then they prove no more than one does, however many there are. */
interface SameThroughout {
  add(cellOf: (name: string) => Cell): void
  /** Whether several rows came, and all hold the same under every name. */
  result(): boolean
}

/**
 * The first row is kept, each later one compared with it bit for bit. The first difference settles it; from then on
 * nothing is looked at.
 *
 * @param names What rows are compared by; without any, nothing is known and nothing is said.
 */
export function sameThroughout(names: readonly string[]): SameThroughout {
  let first: readonly Cell[] | null = null
  let rows = 0
  let same = names.length > 0
  return {
    add(cellOf) {
      rows++
      if (!same) return
      if (first === null) first = names.map((name) => copied(cellOf(name)))
      else same = names.every((name, i) => equal(first![i], cellOf(name)))
    },
    result: () => same && rows > 1,
  }
}

/** A row is a view of its batch, which may be written over and shall not be kept for it. */
const copied = (cell: Cell): Cell => (isArray(cell) ? cell.slice() : cell)

function equal(one: Cell, other: Cell): boolean {
  if (!isArray(one) || !isArray(other)) return Object.is(one, other)
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (!Object.is(one[i], other[i])) return false
  return true
}

const isArray = (cell: Cell): cell is Extract<Cell, object> => typeof cell === 'object'
