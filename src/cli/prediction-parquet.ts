import { readFileSync } from 'node:fs'
import { type BasicType, fileWriter, parquetWriteRows, type SchemaElement } from 'hyparquet-writer'
import { valueOfBytes } from '../engine/index.ts'
import { byteLengthOf, type DType } from '../ir/index.ts'
import { UserError, writeAtomic } from '../platform/index.ts'
import { bytesAt, chunks, halves } from './prediction-bytes.ts'
import type { PredictionSpool, SpooledOutput } from './prediction-spool.ts'

/** Rows held at once, at the most, and their bytes. */
const GROUP = 8192
const GROUP_BYTES = 1 << 24

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
  const group = groupRows(outputs)
  const columns = outputs.map((output, place) => columnOf(spool, output, place, group))
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
    rowGroupSize: group,
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

/** The values of one row, read from the column's file a group at a time. */
function columnOf(spool: PredictionSpool, output: SpooledOutput, place: number, group: number) {
  const type = TYPES[output.dtype]
  if (!type)
    throw new UserError('unsupported', `output "${output.name}" is ${output.dtype}, which .parquet cannot hold here`, {
      where: output.name,
      hint: 'write .jsonl or .npz',
    })
  const list = output.shape.length > 0
  const count = countOf(output)
  const values = output.dtype === 'string' ? textReader(spool, place) : numberReader(spool, output, place, count, group)
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

function numberReader(spool: PredictionSpool, output: SpooledOutput, place: number, count: number, group: number) {
  const size = byteLengthOf(output.dtype as DType, count)
  let from = -1
  let held: Uint8Array = new Uint8Array(0)
  return (row: number): unknown[] => {
    const wanted = Math.floor(row / group)
    if (from !== wanted) {
      held = bytesAt(spool.path(String(place)), wanted * group * size, group * size)
      from = wanted
    }
    const bytes = held.slice((row % group) * size, ((row % group) + 1) * size)
    const { data } = valueOfBytes({ name: output.name, dtype: output.dtype as DType, dims: [count], pieces: [bytes] })
    if (output.dtype === 'bool') return Array.from(data as Uint8Array, (value) => value !== 0)
    if (output.dtype === 'float16') return [...halves(data as Uint16Array)]
    if (output.dtype === 'uint32') return Array.from(data as Uint32Array, BigInt)
    return [...(data as Float32Array)]
  }
}

function textReader(spool: PredictionSpool, place: number) {
  const lines = readFileSync(spool.path(String(place)), 'utf8').split('\n')
  return (row: number, count: number): unknown[] =>
    lines.slice(row * count, (row + 1) * count).map((line) => JSON.parse(line) as string)
}
