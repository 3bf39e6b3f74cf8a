import type { TensorValue } from '../engine/index.ts'
import type { PredictedRows } from '../evaluate/index.ts'
import { crc32, UserError, writeAtomic } from '../platform/index.ts'
import { chunks, halves } from './prediction-bytes.ts'
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
    npyMembers(spool)
    addColumns(spool, rows)
  },
  finish: (spool, path) => writeAtomic(path, npzContent(spool, npyMembers(spool))),
}

function npyMembers(spool: PredictionSpool): readonly NpyMember[] {
  return columnsOf(spool).map((output) => {
    const descr = NUMPY[output.dtype]
    if (descr === undefined)
      throw new UserError('unsupported', `output "${output.name}" is ${output.dtype}, which .npz cannot hold here`, {
        where: output.name,
        hint: 'write .jsonl',
      })
    return { ...output, descr }
  })
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
        : Buffer.from((data as readonly string[]).map((text) => `${JSON.stringify(text)}\n`).join(''))
      spool.append(String(place), bytes)
    }
}

/** Outputs with the shape of a row, from the first answers. */
export function spooledOutputs({ outputs }: PredictedRows): readonly SpooledOutput[] {
  return Object.entries(outputs[0] ?? {}).map(([name, { dtype, dims }]) => ({ name, dtype, shape: dims }))
}

function nestedText({ dtype, dims, data }: TensorValue): string {
  const flat = dtype === 'float16' ? halves(data as Uint16Array) : data
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

const NUMPY: Readonly<Record<string, string>> = {
  float16: '<f2',
  float32: '<f4',
  float64: '<f8',
  int8: '|i1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  uint8: '|u1',
  uint16: '<u2',
  uint32: '<u4',
  uint64: '<u8',
  bool: '|b1',
}

type NpyMember = SpooledOutput & { readonly descr: string }

/** A stored zip archive (with the 64-bit fields that large arrays need) of one `.npy` an output; nothing is held whole. */
function* npzContent(spool: PredictionSpool, members: readonly NpyMember[]): Generator<Uint8Array> {
  const directory: Buffer[] = []
  let at = 0
  for (const [place, member] of members.entries()) {
    const head = npyHeader(member, spool.rows)
    const path = spool.path(String(place))
    let crc = crc32(head)
    let size = head.byteLength
    for (const chunk of chunks(path)) {
      crc = crc32(chunk, crc)
      size += chunk.byteLength
    }
    const name = Buffer.from(`${member.name}.npy`)
    const local = zipRecord(name, crc, size, null)
    directory.push(zipRecord(name, crc, size, at))
    yield local
    yield head
    yield* chunks(path)
    at += local.byteLength + size
  }
  yield Buffer.concat(directory)
  yield zipEnd(
    members.length,
    directory.reduce((sum, { byteLength }) => sum + byteLength, 0),
    at,
  )
}

function npyHeader({ descr, shape }: NpyMember, rows: number): Buffer {
  const dims = [rows, ...shape]
  const tuple = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}`, 'latin1')
  head.writeUInt16LE(padded.length, 8)
  return head
}

/** A local header, or with `at` an entry of the central directory (APPNOTE 4.3.7, 4.3.12, 4.5.3). */
function zipRecord(name: Buffer, crc: number, size: number, at: number | null): Buffer {
  const central = at !== null
  const fixed = Buffer.alloc(central ? 46 : 30)
  const extra = Buffer.alloc(central ? 28 : 20)
  fixed.writeUInt32LE(central ? 0x02014b50 : 0x04034b50, 0)
  const base = central ? 6 : 4
  if (central) fixed.writeUInt16LE(45, 4)
  fixed.writeUInt16LE(45, base)
  fixed.writeUInt16LE(0x0800, base + 2)
  // 1 January 1980: the same answers give the same bytes.
  fixed.writeUInt16LE(0x21, base + 8)
  fixed.writeUInt32LE(crc >>> 0, base + 10)
  fixed.writeUInt32LE(0xffffffff, base + 14)
  fixed.writeUInt32LE(0xffffffff, base + 18)
  fixed.writeUInt16LE(name.byteLength, base + 22)
  fixed.writeUInt16LE(extra.byteLength, base + 24)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(extra.byteLength - 4, 2)
  extra.writeBigUInt64LE(BigInt(size), 4)
  extra.writeBigUInt64LE(BigInt(size), 12)
  if (central) {
    fixed.writeUInt32LE(0xffffffff, 42)
    extra.writeBigUInt64LE(BigInt(at), 20)
  }
  return Buffer.concat([fixed, name, extra])
}

/** The end of the directory in its 64-bit and its old form (APPNOTE 4.3.14 to 4.3.16). */
function zipEnd(count: number, size: number, at: number): Buffer {
  const end = Buffer.alloc(56 + 20 + 22)
  end.writeUInt32LE(0x06064b50, 0)
  end.writeBigUInt64LE(44n, 4)
  end.writeUInt16LE(45, 12)
  end.writeUInt16LE(45, 14)
  end.writeBigUInt64LE(BigInt(count), 24)
  end.writeBigUInt64LE(BigInt(count), 32)
  end.writeBigUInt64LE(BigInt(size), 40)
  end.writeBigUInt64LE(BigInt(at), 48)
  end.writeUInt32LE(0x07064b50, 56)
  end.writeBigUInt64LE(BigInt(at + size), 64)
  end.writeUInt32LE(1, 72)
  end.writeUInt32LE(0x06054b50, 76)
  end.writeUInt16LE(count, 84)
  end.writeUInt16LE(count, 86)
  end.writeUInt32LE(Math.min(size, 0xffffffff), 88)
  end.writeUInt32LE(at > 0xfffffffe ? 0xffffffff : at, 92)
  return end
}
