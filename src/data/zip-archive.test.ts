import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { openRangeReader } from '../platform/index.ts'
import { readZipMembers } from './zip-archive.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-zip-'))
})

const u16 = (value: number) => [value & 255, value >> 8]
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)]
const u64 = (value: number) => [...u32(value), ...u32(0)]
const ascii = (text: string) => [...new TextEncoder().encode(text)]

interface Wish {
  readonly zip64?: boolean
  readonly method?: number
  readonly flags?: number
  readonly size?: number
  readonly comment?: string
}

/** A zip archive with one stored member `a.npy`, written field by field after APPNOTE 6.3. */
function archive({ zip64 = false, method = 0, flags = 0, size, comment = '' }: Wish): Uint8Array {
  const body = ascii('hello')
  const sum = crc32(Uint8Array.from(body))
  const bytes = size ?? body.length
  const name = ascii('a.npy')
  const local = [
    ...[...u32(0x04034b50), ...u16(20), ...u16(flags), ...u16(method), ...u32(0), ...u32(sum), ...u32(bytes)],
    ...[...u32(bytes), ...u16(name.length), ...u16(3), ...name, 1, 2, 3],
  ]
  const extra = zip64 ? [...u16(1), ...u16(24), ...u64(bytes), ...u64(bytes), ...u64(0)] : []
  const short = (value: number) => u32(zip64 ? 0xffffffff : value)
  const central = [
    ...[...u32(0x02014b50), ...u16(20), ...u16(20), ...u16(flags), ...u16(method), ...u32(0), ...u32(sum)],
    ...[...short(bytes), ...short(bytes), ...u16(name.length), ...u16(extra.length), ...u16(0), ...u16(0), ...u16(0)],
    ...[...u32(0), ...short(0), ...name, ...extra],
  ]
  const at = local.length + body.length
  const end64 = at + central.length
  const record = [
    ...[...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(1), ...u64(1)],
    ...[...u64(central.length), ...u64(at)],
    ...[...u32(0x07064b50), ...u32(0), ...u64(end64), ...u32(1)],
  ]
  const end = [
    ...[...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(zip64 ? 0xffff : 1), ...u16(zip64 ? 0xffff : 1)],
    ...[...short(central.length), ...short(at), ...u16(comment.length), ...ascii(comment)],
  ]
  return Uint8Array.from([...local, ...body, ...central, ...(zip64 ? record : []), ...end])
}

async function members(bytes: Uint8Array) {
  const path = join(folder, 'a.npz')
  await writeFile(path, bytes)
  const file = await openRangeReader(path)
  try {
    const found = await readZipMembers(file, path)
    return await Promise.all(
      found.map(async (one) => ({
        ...one,
        text: new TextDecoder().decode(await file.read(one.offset, one.packedBytes)),
      })),
    )
  } finally {
    await file.close()
  }
}

describe('readZipMembers', () => {
  test.each([{}, { zip64: true }, { comment: 'made by hand' }])('%j', async (wish) => {
    expect(await members(archive(wish))).toMatchObject([{ name: 'a.npy', method: 'stored', bytes: 5, text: 'hello' }])
  })

  test.each([
    [archive({ method: 12 }), /packed with zip method 12/],
    [archive({ flags: 1 }), /is encrypted/],
    [archive({ size: 4000 }), /"a\.npy" is cut off/],
    [archive({}).subarray(0, 60), /no directory at its end/],
    [archive({}).subarray(3), /not a whole zip archive/],
    [new Uint8Array(0), /it is too short/],
  ])('refused: case %#', async (bytes, message) => {
    await expect(members(bytes)).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(message) })
  })
})
