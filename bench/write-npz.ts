import { writeFileSync } from 'node:fs'
import { crc32 } from '../src/platform/index.ts'

interface Member {
  readonly name: string
  readonly bytes: Uint8Array
}

const NUMPY: Readonly<Record<string, string>> = {
  float32: '<f4',
  float64: '<f8',
  int64: '<i8',
  int32: '<i4',
  uint8: '|u1',
  int8: '|i1',
  bool: '|b1',
}

/** Writes arrays as an uncompressed `.npz`, readable by numpy and by `openDataset`. */
export function writeNpz(
  path: string,
  arrays: Readonly<
    Record<string, { readonly dtype: string; readonly dims: readonly number[]; readonly bytes: Uint8Array }>
  >,
): void {
  const members = Object.entries(arrays).map(([name, { dtype, dims, bytes }]): Member => {
    const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`
    const text = `{'descr': '${NUMPY[dtype]}', 'fortran_order': False, 'shape': ${shape}, }`
    // The header ends in a newline and fills up to a multiple of 64 bytes.
    const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)
    const header = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.alloc(2),
      Buffer.from(`${padded}\n`, 'latin1'),
    ])
    header.writeUInt16LE(header.length - 10, 8)
    return { name: `${name}.npy`, bytes: Buffer.concat([header, bytes]) }
  })
  writeFileSync(path, storedZip(members))
}

function storedZip(members: readonly Member[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, bytes } of members) {
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), bytes])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, tail, Buffer.from(name)]))
    parts.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, directory, end])
}
