import type { Column, Rows } from '../data/index.ts'
import type { NumericArray } from '../ir/index.ts'
import type { RowLabel } from './metric/metric.ts'

/** Every field of every row by name, inputs included; arrays are views of the batch. */
export function fieldsOfRows(rows: Rows): readonly Readonly<Record<string, RowLabel>>[] {
  const count = rows.indices.length
  const columns = Object.entries(rows.columns)
  return rows.indices.map((_, row) =>
    Object.fromEntries(columns.map(([name, column]) => [name, cellOf(column, row, count)])),
  )
}

function cellOf(column: Column, row: number, count: number): RowLabel {
  const size = column.data.length / count
  if (size === 1) {
    const value = column.data[row]!
    if (typeof value !== 'bigint') return value
    // Beyond 2^53 numbers that differ would become one.
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  if (ArrayBuffer.isView(column.data))
    return (column.data as Float32Array).subarray(row * size, (row + 1) * size) as NumericArray
  return column.data.slice(row * size, (row + 1) * size).join(' ')
}
