import { readFileSync } from 'node:fs'
import { type BasicType, fileWriter, parquetWriteRows, type SchemaElement } from 'hyparquet-writer'
import { valueOfBytes } from '../engine/index.ts'
import { byteLengthOf, type DType, tensorOf, toFloat32 } from '../ir/index.ts'
import { UserError, writeAtomic } from '../platform/index.ts'
import { bytesAt, chunks } from './file-chunks.ts'
import type { PredictionSpool, SpooledOutput } from './prediction-spool.ts'

/** Rows of a group in the file, at most, and their bytes. */
const GROUP = 8192
const GROUP_BYTES = 1 << 24
/** Bytes of an output that are read at once; one row where it is larger. */
const HELD_BYTES = 1 << 20

const TYPES: Readonly<Partial<Record<string, BasicType>>> = {
  bool: 'BOOLEAN',
  int8: 'INT32',
  int16: 'INT32',
  int32: 'INT32',
  uint8: 'INT32',
  uint16: 'INT32',
  int64: 'INT64',
  uint32: 'INT64',
  float16: 'FLOAT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  string: 'STRING',
}

/** Writes spooled columns, in the order of their files, as a Parquet file: a group of rows at a time. */
export async function writeParquet(
  spool: PredictionSpool,
  outputs: readonly SpooledOutput[],
  path: string,
): Promise<void> {
  const columns = outputs.map((output, place) => columnOf(spool, output, place))
  const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }]
  for (const { output, type, list } of columns) schema.push(...elements(output.name, type, list))
  const file = spool.path('answers.parquet')
  function* rows() {
    for (let row = 0; row < spool.rows; row++)
      yield Object.fromEntries(columns.map(({ output, at }) => [output.name, at(row)]))
  }
  parquetWriteRows({
    writer: fileWriter(file),
    rows: rows(),
    columns: columns.map(({ output }) => ({ name: output.name })),
    schema,
    rowGroupSize: groupRows(outputs),
  })
  await writeAtomic(path, chunks(file))
}

const countOf = ({ shape }: SpooledOutput): number => shape.reduce<number>((product, dim) => product * dim!, 1)

/** Text counts as a number of eight bytes. */
function groupRows(outputs: readonly SpooledOutput[]): number {
  const bytes = (output: SpooledOutput) =>
    output.dtype === 'string' ? 8 * countOf(output) : byteLengthOf(output.dtype as DType, countOf(output))
  const row = outputs.reduce((sum, output) => sum + bytes(output), 0)
  return Math.max(1, Math.min(GROUP, Math.floor(GROUP_BYTES / Math.max(1, row))))
}

function elements(name: string, type: BasicType, list: boolean): SchemaElement[] {
  const text = type === 'STRING'
  const leaf = (own: string) =>
    ({
      name: own,
      type: text ? 'BYTE_ARRAY' : type,
      ...(text ? { converted_type: 'UTF8' } : {}),
      repetition_type: 'REQUIRED',
    }) as SchemaElement
  if (!list) return [leaf(name)]
  return [
    { name, converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    leaf('element'),
  ]
}

/** The values of one row, read from the column's file many at a time. */
function columnOf(spool: PredictionSpool, output: SpooledOutput, place: number) {
  const type = TYPES[output.dtype]
  if (!type)
    throw new UserError('unsupported', `output "${output.name}" is ${output.dtype}, which .parquet cannot hold here`, {
      where: output.name,
      hint: 'write .jsonl or .npz',
    })
  const list = output.shape.length > 0
  const count = countOf(output)
  const values = output.dtype === 'string' ? textReader(spool, place) : numberReader(spool, output, place, count)
  return {
    output,
    type,
    list,
    at(row: number): unknown {
      const own = values(row, count)
      return list ? own : own[0]
    },
  }
}

function numberReader(spool: PredictionSpool, { name, dtype }: SpooledOutput, place: number, count: number) {
  const size = byteLengthOf(dtype as DType, count)
  const most = Math.max(1, Math.floor(HELD_BYTES / Math.max(1, size)))
  let held: Uint8Array = new Uint8Array(0)
  let first = 0
  return (row: number): unknown[] => {
    if (row < first || (row + 1 - first) * size > held.byteLength) {
      first = row
      held = bytesAt(spool.path(String(place)), row * size, Math.min(most, spool.rows - row) * size)
    }
    const bytes = held.slice((row - first) * size, (row + 1 - first) * size)
    const { data } = valueOfBytes({ name, dtype: dtype as DType, dims: [count], pieces: [bytes] })
    if (dtype === 'bool') return Array.from(data as Uint8Array, (value) => value !== 0)
    if (dtype === 'float16') return [...toFloat32(tensorOf(dtype, [count], data as Uint16Array))]
    if (dtype === 'uint32') return Array.from(data as Uint32Array, BigInt)
    return [...(data as Float32Array)]
  }
}

function textReader(spool: PredictionSpool, place: number) {
  const lines = readFileSync(spool.path(String(place)), 'utf8').split('\n')
  return (row: number, count: number): unknown[] =>
    lines.slice(row * count, (row + 1) * count).map((line) => JSON.parse(line) as string)
}
