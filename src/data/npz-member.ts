import { elementCount } from '../ir/index.ts'
import { crc32, inflateRaw, type RangeReader, readChunks, UserError } from '../platform/index.ts'
import { type ByteStream, byteStream } from './byte-stream.ts'
import { NPY_PREFIX_BYTES, type NpyHeader, npyHeaderBytes, parseNpyHeader } from './npy-format.ts'
import type { ZipMember } from './zip-archive.ts'

/** An array of an `.npz` file: its header, and where its bytes lie. */
export interface NpzArray {
  readonly name: string
  readonly path: string
  readonly member: ZipMember
  readonly header: NpyHeader
}

/** Rows in the order of the asked indices, as packed bytes in C order. */
interface RowReader {
  /** Bytes of the rows at `indices` (ascending, after all that were asked before). */
  read(indices: readonly number[]): Promise<Uint8Array>
  /** Called after the last row of a pass over all rows: checks what can only be checked at the end. */
  finish(): Promise<void>
  close(): Promise<void>
}

/** Rows of Fortran-ordered arrays are gathered in windows of at most so many bytes, one pass over the file each. */
const WINDOW_BYTES = 1 << 27
/** The most that one row of one array may take; a typed array ends soon after. */
const MAX_ROW_BYTES = 2 ** 31
/** Two stored rows closer than this are read with one request. */
const GAP_BYTES = 1 << 16

export const rowBytesOf = (header: NpyHeader): number =>
  elementCount(header.dims.slice(1)) * (header.type?.itemBytes ?? 0)

const whereOf = (array: { path: string; name: string }) => `array "${array.name}" of "${array.path}"`

function damaged(array: { path: string; name: string }, what: string, cause?: unknown): UserError {
  return new UserError('bad-data', `Array "${array.name}" of "${array.path}" is damaged: ${what}.`, {
    where: whereOf(array),
    hint: 'Write the file again with numpy.savez, or copy it again.',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** The unpacked bytes of a member as they come; length and CRC-32 are checked at the end. */
async function* memberChunks(path: string, member: ZipMember, name: string): AsyncGenerator<Uint8Array> {
  const packed = readChunks(path, member.offset, member.offset + member.packedBytes)
  const chunks = member.method === 'stored' ? packed : inflateRaw(packed)
  let crc = 0
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      crc = crc32(chunk, crc)
      bytes += chunk.length
      if (bytes > member.bytes)
        throw damaged({ path, name }, `it holds more than the ${member.bytes} bytes it declares`)
      yield chunk
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw damaged({ path, name }, `it cannot be unpacked (${cause instanceof Error ? cause.message : cause})`, cause)
  }
  if (bytes !== member.bytes) throw damaged({ path, name }, `it ends after ${bytes} of ${member.bytes} bytes`)
  if (crc !== member.crc32) throw damaged({ path, name }, 'its checksum does not match')
}

/** Opens an array: reads its header and checks that its length is what the header says. */
export async function openNpzArray(path: string, member: ZipMember): Promise<NpzArray> {
  const name = member.name.replace(/\.npy$/, '')
  const where = whereOf({ path, name })
  const stream = byteStream(memberChunks(path, member, name))
  try {
    const prefix = await stream.take(Math.min(NPY_PREFIX_BYTES, member.bytes))
    if (!prefix) throw damaged({ path, name }, 'it is cut off')
    const total = npyHeaderBytes(prefix, where)
    const rest = total < prefix.length ? new Uint8Array(0) : await stream.take(total - prefix.length)
    if (!rest) throw damaged({ path, name }, 'its header is cut off')
    const bytes = new Uint8Array(Math.max(total, prefix.length))
    bytes.set(prefix)
    bytes.set(rest, prefix.length)
    const header = parseNpyHeader(bytes.subarray(0, total), where)
    if (header.type) {
      const expected = header.headerBytes + elementCount(header.dims) * header.type.itemBytes
      if (expected !== member.bytes)
        throw damaged({ path, name }, `its header promises ${expected} bytes, the archive holds ${member.bytes}`)
    }
    if (rowBytesOf(header) > MAX_ROW_BYTES)
      throw new UserError('unsupported', `A row of ${where} takes more than 2 GiB.`, {
        where,
        hint: 'Axis 0 is the row: give the array one, or split its rows.',
      })
    return { name, path, member, header }
  } finally {
    await stream.close()
  }
}

/** All elements' bytes in C order, for arrays that are not rows (constants). */
export async function readWholeArray(array: NpzArray): Promise<Uint8Array> {
  const { header, member } = array
  const stream = byteStream(memberChunks(array.path, member, array.name))
  try {
    await stream.skip(header.headerBytes)
    const bytes = await stream.take(member.bytes - header.headerBytes)
    await stream.drain()
    if (!bytes) throw damaged(array, 'it is cut off')
    return header.fortranOrder ? toRowMajor(bytes, header) : bytes
  } finally {
    await stream.close()
  }
}

/** `positions[j]`: the place in C order of the element that stands at place j in Fortran order. */
function rowMajorPositions(dims: readonly number[]): Int32Array {
  const count = elementCount(dims)
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)))
  const positions = new Int32Array(count)
  const index = dims.map(() => 0)
  for (let j = 0; j < count; j++) {
    positions[j] = index.reduce((sum, at, axis) => sum + at * strides[axis]!, 0)
    for (let axis = 0; axis < dims.length && ++index[axis]! === dims[axis]; axis++) index[axis] = 0
  }
  return positions
}

function toRowMajor(bytes: Uint8Array, header: NpyHeader): Uint8Array {
  const item = header.type!.itemBytes
  const result = new Uint8Array(bytes.length)
  rowMajorPositions(header.dims).forEach((to, from) => {
    result.set(bytes.subarray(from * item, from * item + item), to * item)
  })
  return result
}

/** A reader for one pass over an array's rows; `all` says that every row will be asked for. */
export function rowReader(array: NpzArray, file: RangeReader, all: boolean): RowReader {
  if (array.header.fortranOrder) return fortranReader(array)
  return array.member.method === 'stored' && !all ? storedReader(array, file) : streamReader(array)
}

function storedReader(array: NpzArray, file: RangeReader): RowReader {
  const rowBytes = rowBytesOf(array.header)
  const start = array.member.offset + array.header.headerBytes
  return {
    async read(indices) {
      const result = new Uint8Array(indices.length * rowBytes)
      for (let from = 0; from < indices.length; ) {
        let to = from + 1
        while (to < indices.length && (indices[to]! - indices[to - 1]! - 1) * rowBytes <= GAP_BYTES) to++
        const first = indices[from]!
        const bytes = await file.read(start + first * rowBytes, (indices[to - 1]! - first + 1) * rowBytes)
        for (let i = from; i < to; i++) {
          const at = (indices[i]! - first) * rowBytes
          result.set(bytes.subarray(at, at + rowBytes), i * rowBytes)
        }
        from = to
      }
      return result
    },
    finish: async () => {},
    close: async () => {},
  }
}

function streamReader(array: NpzArray): RowReader {
  const rowBytes = rowBytesOf(array.header)
  const stream: ByteStream = byteStream(memberChunks(array.path, array.member, array.name))
  let next = -1
  return {
    async read(indices) {
      if (next < 0) {
        await stream.skip(array.header.headerBytes)
        next = 0
      }
      const result = new Uint8Array(indices.length * rowBytes)
      for (let from = 0; from < indices.length; ) {
        let to = from + 1
        while (to < indices.length && indices[to] === indices[to - 1]! + 1) to++
        await stream.skip((indices[from]! - next) * rowBytes)
        const bytes = await stream.take((to - from) * rowBytes)
        if (!bytes) throw damaged(array, 'it is cut off')
        result.set(bytes, from * rowBytes)
        next = indices[to - 1]! + 1
        from = to
      }
      return result
    },
    finish: () => stream.drain(),
    close: () => stream.close(),
  }
}

/**
 * In Fortran order the rows are the fastest axis, so a row is scattered over the whole array: a window of consecutive
 * rows is gathered in one pass, and the next window in another.
 */
function fortranReader(array: NpzArray): RowReader {
  const { header } = array
  const rowBytes = rowBytesOf(header)
  const item = header.type!.itemBytes
  const rows = header.dims[0]!
  const windowRows = Math.max(1, Math.floor(WINDOW_BYTES / Math.max(1, rowBytes)))
  const positions = rowMajorPositions(header.dims.slice(1))
  let window = { from: 0, to: 0, bytes: new Uint8Array(0) }
  const load = async (from: number) => {
    const to = Math.min(rows, from + windowRows)
    const bytes = new Uint8Array((to - from) * rowBytes)
    const stream = byteStream(memberChunks(array.path, array.member, array.name))
    try {
      await stream.skip(header.headerBytes + from * item)
      for (let j = 0; j < positions.length; j++) {
        const strip = await stream.take((to - from) * item)
        if (!strip) throw damaged(array, 'it is cut off')
        for (let i = 0, at = positions[j]! * item; i < to - from; i++, at += rowBytes)
          for (let b = 0; b < item; b++) bytes[at + b] = strip[i * item + b]!
        if (j < positions.length - 1) await stream.skip((rows - (to - from)) * item)
      }
      await stream.drain()
    } finally {
      await stream.close()
    }
    window = { from, to, bytes }
  }
  return {
    async read(indices) {
      const result = new Uint8Array(indices.length * rowBytes)
      for (const [i, index] of indices.entries()) {
        if (index >= window.to || index < window.from) await load(index)
        const at = (index - window.from) * rowBytes
        result.set(window.bytes.subarray(at, at + rowBytes), i * rowBytes)
      }
      return result
    },
    finish: async () => {},
    close: async () => {},
  }
}
