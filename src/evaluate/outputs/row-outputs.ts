import type { Fetched, TensorValue } from '../../engine/index.ts'
import { elementCount, isFloating, type NumericArray } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { floatsOf } from './floats.ts'

/** What a model gave for one row, by output, without the axis of rows. */
export type RowOutputs = Readonly<Record<string, TensorValue>>

/** Names and shapes of a row's outputs, `scores [10]`, as messages list them. */
export const outputTexts = (outputs: RowOutputs): readonly string[] =>
  Object.entries(outputs).map(([name, { dims }]) => `${name} [${dims.join(',')}]`)

/**
 * Splits the outputs of one run into rows, without axis 0. In a run of one row an output whose first dimension is not
 * 1 belongs to the row as a whole.
 *
 * @param inRun Rows that the run held, where it was filled up to a fixed number (see `rowsInRun`).
 * @throws UserError `unsupported` for an output of several rows that has no row axis.
 */
export function outputsByRow(fetched: Fetched, rows: number, inRun = rows): readonly RowOutputs[] {
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(Object.entries(fetched).map(([name, value]) => [name, rowOf(name, value, row, rows, inRun)])),
  )
}

function rowOf(name: string, value: TensorValue, row: number, rows: number, inRun: number): TensorValue {
  if (rows === 1 && value.dims[0] !== inRun) return value
  if (value.dims[0] !== inRun)
    throw new UserError(
      'unsupported',
      `output "${name}" has shape [${value.dims.join(',')}] for ${inRun} rows: its first axis is not the row`,
      { where: name, hint: 'run row by row (batch 1)' },
    )
  const dims = value.dims.slice(1)
  const size = elementCount(dims)
  const data = ArrayBuffer.isView(value.data)
    ? (value.data as Float32Array).subarray(row * size, (row + 1) * size)
    : value.data.slice(row * size, (row + 1) * size)
  return { dtype: value.dtype, dims, data }
}

/** The elements as numbers: floats as they are, smaller floats widened, integers and booleans converted. */
export function numbersOf(value: TensorValue): ArrayLike<number> {
  if (value.dtype === 'string') throw new Error('internal: strings are no numbers')
  if (value.dtype === 'float16' || value.dtype === 'bfloat16') return floatsOf(value)
  if (value.data instanceof BigInt64Array || value.data instanceof BigUint64Array)
    return Float64Array.from(value.data as BigInt64Array, Number)
  return value.data as Exclude<NumericArray, BigInt64Array | BigUint64Array>
}

/** Place of the greatest element among `count`, the first of equals; −1 where one of them is NaN or there is none. */
export function argmax(values: ArrayLike<number>, from = 0, count = values.length): number {
  let best = -1
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(values[from + i]!)) return -1
    if (best < 0 || values[from + i]! > values[from + best]!) best = i
  }
  return best
}

/** The top answer of a class-like row output: a class number, or the value of an integer or text; null for none (NaN). */
export function topAnswer(value: TensorValue): number | string | null {
  if (value.dtype === 'string') return (value.data as readonly string[])[0] ?? null
  const numbers = numbersOf(value)
  if (!isFloating(value.dtype)) return numbers[0] ?? null
  const place = argmax(numbers)
  return place < 0 ? null : place
}
