import type { TensorValue } from '../engine/index.ts'
import type { PredictedRows } from '../evaluate/index.ts'
import { type NumericArray, tensorOf, toFloat32 } from '../ir/index.ts'
import { UserError, writeAtomic } from '../platform/index.ts'
import { chunks } from './file-chunks.ts'
import { npyMembers, writeNpz } from './prediction-npz.ts'
import type { PredictionSpool, SpooledOutput } from './prediction-spool.ts'

/** A way of writing answers: `add` while they come, `finish` when the last is there. */
export interface PredictionFormat {
  add(spool: PredictionSpool, rows: PredictedRows): void
  finish(spool: PredictionSpool, path: string): Promise<void>
}

export const FORMATS = ['jsonl', 'npz', 'parquet'] as const
export type FormatName = (typeof FORMATS)[number]

/** One object a line: the row's place, its ids, then every output, nested as its shape. */
const jsonl: PredictionFormat = {
  add(spool, { indices, outputs, ids }) {
    const lines = indices.map((index, i) => {
      const named = Object.entries(ids).map(([name, { data }]) => `,${JSON.stringify(name)}:${scalarText(data[i])}`)
      const values = Object.entries(outputs[i]!).map(([name, value]) => `,${JSON.stringify(name)}:${nestedText(value)}`)
      return `{"row":${index}${named.join('')}${values.join('')}}\n`
    })
    spool.append('rows', Buffer.from(lines.join('')))
  },
  finish: (spool, path) => writeAtomic(path, chunks(spool.path('rows'))),
}

/** One array an output, axis 0 being the row; and the place of each row in the data, where some may have been left out. */
const npz: PredictionFormat = {
  add(spool, rows) {
    // With the first rows, not after the last.
    npyMembers(columnsOf(spool))
    addColumns(spool, rows)
  },
  finish: (spool, path) => writeNpz(spool, columnsOf(spool), path),
}

/** One column an output, rows of several numbers as lists, row-major; and the place of each row in the data. */
const parquet: PredictionFormat = {
  add: addColumns,
  async finish(spool, path) {
    const { writeParquet } = await import('./prediction-parquet.ts')
    await writeParquet(spool, columnsOf(spool), path)
  },
}

export const predictionFormats: Readonly<Record<FormatName, PredictionFormat>> = { jsonl, npz, parquet }

const ROW: SpooledOutput = { name: 'row', dtype: 'int64', shape: [] }

/** The outputs in the order of their files, and behind them the places of the rows, unless an output has that name. */
function columnsOf({ outputs }: PredictionSpool): readonly SpooledOutput[] {
  return outputs.some(({ name }) => name === ROW.name) ? outputs : [...outputs, ROW]
}

/** Appends each output's bytes, and the places of the rows, to a file of its own; all rows must have one shape. */
function addColumns(spool: PredictionSpool, { indices, outputs }: PredictedRows): void {
  spool.append(String(spool.outputs.length), new Uint8Array(BigInt64Array.from(indices, BigInt).buffer))
  for (const [place, output] of spool.outputs.entries())
    for (const [i, row] of outputs.entries()) {
      const { dims, data } = row[output.name]!
      if (output.shape.some((dim, axis) => dim !== dims[axis]) || output.shape.length !== dims.length)
        throw new UserError(
          'unsupported',
          `row ${indices[i]}: output "${output.name}" has shape [${dims.join(',')}], earlier rows [${output.shape.join(',')}]`,
          { where: output.name, hint: 'write .jsonl, where every row may have its own shape' },
        )
      const bytes = ArrayBuffer.isView(data)
        ? new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
        : Buffer.from(data.map((text) => `${JSON.stringify(text)}\n`).join(''))
      spool.append(String(place), bytes)
    }
}

/** Outputs with the shape of a row, from the first answers. */
export function spooledOutputs({ outputs }: PredictedRows): readonly SpooledOutput[] {
  return Object.entries(outputs[0] ?? {}).map(([name, { dtype, dims }]) => ({ name, dtype, shape: dims }))
}

function nestedText({ dtype, dims, data }: TensorValue): string {
  const flat = dtype === 'float16' ? toFloat32(tensorOf(dtype, dims, data as NumericArray)) : data
  const at = (axis: number, from: number, count: number): string => {
    if (axis === dims.length) return scalarText(flat[from], dtype)
    const step = count / Math.max(1, dims[axis]!)
    return `[${Array.from({ length: dims[axis]! }, (_, i) => at(axis + 1, from + i * step, step)).join(',')}]`
  }
  return at(0, 0, flat.length)
}

function scalarText(value: unknown, dtype = ''): string {
  if (typeof value === 'bigint') return String(value)
  if (dtype === 'bool') return value ? 'true' : 'false'
  if (typeof value !== 'number') return JSON.stringify(value)
  // As protobuf's mapping writes what JSON has no numbers for.
  if (!Number.isFinite(value)) return `"${value}"`
  return dtype === 'float32' ? String(Number(value.toPrecision(9))) : String(value)
}
