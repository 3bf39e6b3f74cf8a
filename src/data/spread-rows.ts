import type { Dataset } from './dataset.ts'

const GOLDEN = (Math.sqrt(5) - 1) / 2

/**
 * Where a place stands in an order whose beginnings are spread over all places: multiples of the golden ratio fill
 * [0, 1) with gaps of three lengths at most (Sós 1958), and fall in with no period, such as that of classes or
 * copies that take turns.
 */
const turnOf = (place: number) => (place * GOLDEN) % 1

/**
 * At most `most` of these rows, or of the whole set where none are named, in the order that they stand in. They are
 * spread over all of them: files are often sorted by class, size or date (a folder of images always is, by class), so
 * that the first rows are of one kind. Fewer are always among more, for measures that go on where they were.
 */
export function spreadRows(
  data: Pick<Dataset, 'rows'>,
  indices: readonly number[] | undefined,
  most: number,
): readonly number[] {
  const rows = indices ?? Array.from({ length: data.rows }, (_, row) => row)
  if (most >= rows.length) return rows
  if (most < 1) return []
  const last = Float64Array.from(rows, (_, place) => turnOf(place)).sort()[most - 1]!
  return rows.filter((_, place) => turnOf(place) <= last)
}
