import { arrayTypeOf, type DType, elementCount, type NumericArray } from '../ir/index.ts'
import type { Column, Rows, SkippedRow } from './dataset.ts'
import type { Cell, Row, Table } from './table.ts'

/** Rows that wait to be put back into the asked order, where the source must be read from its start, in bytes. */
const REORDER_BYTES = 1 << 28

const isAscending = (indices: readonly number[]) => indices.every((index, i) => i === 0 || index > indices[i - 1]!)

/**
 * Rows in exactly the order of `indices` (repeats allowed), from a table that only knows ascending ones. A source with
 * random access is asked batch by batch; a sequential one is read once for every 256 MiB of chosen rows.
 */
export async function* rowsInOrder(
  table: Table,
  indices: readonly number[] | null,
  names: readonly string[],
  batch: number,
  skip: (row: SkippedRow) => void,
): AsyncGenerator<readonly Row[]> {
  if (!indices || isAscending(indices)) {
    yield* table.scan(indices, names, skip)
    return
  }
  const windowRows = table.randomAccess ? batch : Math.max(batch, Math.floor(REORDER_BYTES / rowBytes(table, names)))
  for (let from = 0; from < indices.length; from += windowRows) {
    const wanted = indices.slice(from, from + windowRows)
    const found = new Map<number, Row>()
    const ascending = [...new Set(wanted)].sort((a, b) => a - b)
    for await (const piece of table.scan(ascending, names, skip))
      for (const row of piece) found.set(row.index, ownRow(row))
    yield wanted.flatMap((index) => found.get(index) ?? [])
  }
}

/** Bytes of a row as far as shapes are known; 64 KiB are assumed where a dimension differs between rows. */
function rowBytes(table: Table, names: readonly string[]): number {
  let bytes = 64
  for (const { name, dtype, rowShape } of table.columns)
    if (names.includes(name))
      bytes += rowShape.includes(null)
        ? 1 << 16
        : elementCount(rowShape as number[]) * (dtype === 'string' ? 64 : arrayTypeOf(dtype).BYTES_PER_ELEMENT)
  return bytes
}

/** A copy whose cells do not keep the block alive that they are views into. */
function ownRow(row: Row): Row {
  const own = Object.entries(row.cells).map(([name, { dims, data }]) => [name, { dims, data: data.slice() }])
  return { index: row.index, cells: Object.fromEntries(own) }
}

/** Consecutive rows of equal shape, at most `batch` at a time, each field as one column. */
export async function* batchRows(
  pieces: AsyncIterable<readonly Row[]>,
  dtypes: Readonly<Record<string, DType>>,
  batch: number,
): AsyncGenerator<Rows> {
  let pending: Row[] = []
  for await (const piece of pieces) {
    for (const row of piece) {
      if (pending.length > 0 && (pending.length >= batch || !sameShapes(pending[0]!, row))) {
        yield toRows(pending, dtypes)
        pending = []
      }
      pending.push(row)
    }
  }
  if (pending.length > 0) yield toRows(pending, dtypes)
}

function sameShapes(a: Row, b: Row): boolean {
  for (const name in a.cells) {
    const left = a.cells[name]!.dims
    const right = b.cells[name]!.dims
    if (left.length !== right.length || left.some((dim, axis) => dim !== right[axis])) return false
  }
  return true
}

function toRows(rows: readonly Row[], dtypes: Readonly<Record<string, DType>>): Rows {
  const columns: Record<string, Column> = {}
  for (const name of Object.keys(rows[0]!.cells)) {
    const cells = rows.map((row) => row.cells[name]!)
    columns[name] = stackCells(cells, dtypes[name]!)
  }
  return { indices: rows.map(({ index }) => index), columns }
}

/** Cells of equal shape as one column with a row axis in front. */
function stackCells(cells: readonly Cell[], dtype: DType): Column {
  const first = cells[0]!
  const dims = [cells.length, ...first.dims]
  if (dtype === 'string') return { dtype, dims, data: cells.flatMap(({ data }) => data as readonly string[]) }
  const size = first.data.length
  const data = new (arrayTypeOf(dtype))(cells.length * size)
  for (const [i, cell] of cells.entries()) (data as Float32Array).set(cell.data as Float32Array, i * size)
  return { dtype, dims, data: data as NumericArray }
}
