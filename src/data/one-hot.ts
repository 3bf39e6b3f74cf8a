import { type DType, type NumericArray, tensorOf, toFloat32 } from '../ir/index.ts'
import { HALVES } from './cast-column.ts'
import type { Cell, Row, Table } from './table.ts'

/**
 * The table with class numbers (int64, from 0) in place of a label column that holds one-hot vectors: two or more
 * numbers a row, one of them 1 and the others 0, in every row. Null where the column holds anything else. Reads the
 * column up to the first row that is not one-hot.
 */
export async function withClassNumbers(table: Table, label: string): Promise<Table | null> {
  const column = table.columns.find(({ name }) => name === label)
  const [classes] = column?.rowShape ?? []
  if (column?.rowShape.length !== 1 || column.dtype === 'string' || !classes || classes < 2) return null
  for await (const rows of table.scan(null, [label], () => {}))
    for (const { cells } of rows) if (classOf(cells[label]!, column.dtype) === null) return null
  return {
    ...table,
    columns: table.columns.map((each) => (each === column ? { name: label, dtype: 'int64', rowShape: [] } : each)),
    notes: [
      ...table.notes,
      `"${label}" holds one-hot vectors of ${classes} numbers: each is read as the number of its class.`,
    ],
    scan: (indices, names, skip) => numbered(table.scan(indices, names, skip), label, column.dtype),
  }
}

async function* numbered(
  pieces: AsyncIterable<readonly Row[]>,
  label: string,
  dtype: DType,
): AsyncGenerator<readonly Row[]> {
  for await (const rows of pieces)
    yield rows.map((row) => {
      const cell = row.cells[label]
      if (!cell) return row
      const number = { dims: [], data: BigInt64Array.of(BigInt(classOf(cell, dtype)!)) }
      return { ...row, cells: { ...row.cells, [label]: number } }
    })
}

/** Place of the only 1 among zeros, or null. */
function classOf(cell: Cell, dtype: DType): number | null {
  const data = HALVES.has(dtype) ? toFloat32(tensorOf(dtype, [cell.data.length], cell.data as NumericArray)) : cell.data
  let place: number | null = null
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i])
    if (value === 0) continue
    if (value !== 1 || place !== null) return null
    place = i
  }
  return place
}
