import { type RangeReader, UserError } from '../platform/index.ts'

/** A member of a zip archive: where its bytes lie and how they are packed. */
export interface ZipMember {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  /** Offset of the (packed) bytes in the file. */
  readonly offset: number
  readonly packedBytes: number
  readonly bytes: number
  readonly crc32: number
}

const END_OF_CENTRAL_DIRECTORY = 0x06054b50
const ZIP64_LOCATOR = 0x07064b50
const ZIP64_END = 0x06064b50
const CENTRAL_ENTRY = 0x02014b50
const LOCAL_ENTRY = 0x04034b50
const MAX_DIRECTORY_BYTES = 1 << 28
/** DEFLATE cannot pack more than 1032 bytes into one: a member that declares more is a lie. */
const MAX_RATIO = 1032

function corrupt(where: string, what: string): UserError {
  return new UserError('bad-data', `"${where}" is not a whole zip archive: ${what}.`, {
    where,
    hint: 'The file is damaged, cut off or of another kind: write it again (numpy.savez) or copy it again.',
  })
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The members of a zip archive, from its central directory, zip64 included. Split and encrypted archives and other
 * compression methods than *stored* and *deflate* are refused.
 * Source: PKWARE APPNOTE 6.3.
 */
export async function readZipMembers(file: RangeReader, path: string): Promise<readonly ZipMember[]> {
  const directory = await findDirectory(file, path)
  if (directory.offset + directory.bytes > file.byteLength) throw corrupt(path, 'its directory lies past its end')
  if (directory.bytes > MAX_DIRECTORY_BYTES) throw corrupt(path, 'its directory is implausibly large')
  const view = viewOf(await file.read(directory.offset, directory.bytes))
  const members: ZipMember[] = []
  for (let at = 0, n = 0; n < directory.entries; n++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL_ENTRY)
      throw corrupt(path, `entry ${n + 1} of its directory is damaged`)
    const nameLength = view.getUint16(at + 28, true)
    const extraLength = view.getUint16(at + 30, true)
    const end = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true)
    if (end > view.byteLength) throw corrupt(path, `entry ${n + 1} of its directory is damaged`)
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength))
    const entry = { name, ...sizesOf(view, at, at + 46 + nameLength, extraLength) }
    if (view.getUint16(at + 8, true) & 1)
      throw new UserError('unsupported', `Member "${name}" of "${path}" is encrypted.`, {
        where: path,
        hint: 'Unpack the archive and write it without a password.',
      })
    const method = view.getUint16(at + 10, true)
    if (method !== 0 && method !== 8)
      throw new UserError('unsupported', `Member "${name}" of "${path}" is packed with zip method ${method}.`, {
        where: path,
        hint: 'Only stored and deflated members can be read: write it with numpy.savez or numpy.savez_compressed.',
      })
    const most = method === 0 ? entry.packedBytes : entry.packedBytes * MAX_RATIO
    if (entry.bytes > most || (method === 0 && entry.bytes !== entry.packedBytes))
      throw corrupt(path, `the size of member "${name}" cannot be`)
    members.push({
      name,
      method: method === 0 ? 'stored' : 'deflated',
      offset: await dataOffset(file, path, name, entry),
      packedBytes: entry.packedBytes,
      bytes: entry.bytes,
      crc32: view.getUint32(at + 16, true),
    })
    at = end
  }
  return members
}

interface Directory {
  readonly offset: number
  readonly bytes: number
  readonly entries: number
}

async function findDirectory(file: RangeReader, path: string): Promise<Directory> {
  const tailBytes = Math.min(file.byteLength, 22 + 0xffff + 20)
  if (tailBytes < 22) throw corrupt(path, 'it is too short')
  const start = file.byteLength - tailBytes
  const tail = viewOf(await file.read(start, tailBytes))
  for (let at = tailBytes - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_OF_CENTRAL_DIRECTORY) continue
    if (at + 22 + tail.getUint16(at + 20, true) > tailBytes) continue
    if (at >= 20 && tail.getUint32(at - 20, true) === ZIP64_LOCATOR) {
      const offset = Number(tail.getBigUint64(at - 12, true))
      if (offset + 56 > file.byteLength) throw corrupt(path, 'its zip64 record lies past its end')
      const record = viewOf(await file.read(offset, 56))
      if (record.getUint32(0, true) !== ZIP64_END) throw corrupt(path, 'its zip64 record is damaged')
      return {
        entries: Number(record.getBigUint64(32, true)),
        bytes: Number(record.getBigUint64(40, true)),
        offset: Number(record.getBigUint64(48, true)),
      }
    }
    return {
      entries: tail.getUint16(at + 10, true),
      bytes: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    }
  }
  throw corrupt(path, 'it has no directory at its end')
}

interface Sizes {
  readonly bytes: number
  readonly packedBytes: number
  readonly localOffset: number
}

/** Sizes of a central entry; a field of all ones stands in the zip64 extra field instead, in this order. */
function sizesOf(view: DataView, at: number, extraAt: number, extraLength: number): Sizes {
  const short = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)]
  for (let field = extraAt; field + 4 <= extraAt + extraLength; ) {
    const length = view.getUint16(field + 2, true)
    if (view.getUint16(field, true) === 1) {
      let next = field + 4
      for (let i = 0; i < 3; i++) {
        if (short[i] !== 0xffffffff || next + 8 > field + 4 + length) continue
        short[i] = Number(view.getBigUint64(next, true))
        next += 8
      }
    }
    field += 4 + length
  }
  return { bytes: short[0]!, packedBytes: short[1]!, localOffset: short[2]! }
}

async function dataOffset(file: RangeReader, path: string, name: string, sizes: Sizes): Promise<number> {
  if (sizes.localOffset + 30 > file.byteLength) throw corrupt(path, `member "${name}" lies past its end`)
  const local = viewOf(await file.read(sizes.localOffset, 30))
  if (local.getUint32(0, true) !== LOCAL_ENTRY) throw corrupt(path, `the header of member "${name}" is damaged`)
  const offset = sizes.localOffset + 30 + local.getUint16(26, true) + local.getUint16(28, true)
  if (offset + sizes.packedBytes > file.byteLength) throw corrupt(path, `member "${name}" is cut off`)
  return offset
}
