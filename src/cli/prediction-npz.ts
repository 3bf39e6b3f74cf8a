import { crc32, UserError, writeAtomic } from '../platform/index.ts'
import { chunks } from './file-chunks.ts'
import type { PredictionSpool, SpooledOutput } from './prediction-spool.ts'

/** Writes spooled columns, in the order of their files, as an `.npz`, one array each, axis 0 being the row. */
export async function writeNpz(spool: PredictionSpool, outputs: readonly SpooledOutput[], path: string): Promise<void> {
  await writeAtomic(path, npzContent(spool, npyMembers(outputs)))
}

/**
 * These columns with what NumPy calls their types.
 *
 * @throws UserError for a type that NumPy has no plain name for.
 */
export function npyMembers(outputs: readonly SpooledOutput[]): readonly NpyMember[] {
  return outputs.map((output) => {
    const descr = NUMPY[output.dtype]
    if (descr !== undefined) return { ...output, descr }
    throw new UserError('unsupported', `output "${output.name}" is ${output.dtype}, which .npz cannot hold here`, {
      where: output.name,
      hint: 'write .jsonl',
    })
  })
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
