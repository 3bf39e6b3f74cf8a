import { readdirSync } from 'node:fs'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { arrayTypeOf, type DType, type NumericArray, parseModel } from '../ir/index.ts'
import { openIsolated } from './ort-node-isolated.ts'
import { pack, unpack } from './ort-node-parcels.ts'
import { startRuntimes } from './ort-node-processes.ts'
import { SharedPages } from './ort-node-shared-pages.ts'
import type { Feeds, TensorValue } from './session.ts'

const model = (body: string) => parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${body}`)
const negated = model('g (float[N] x) => (float[N] y) { y = Neg(x) }')
const floats = (count: number, value: number): TensorValue => ({
  dtype: 'float32',
  dims: [count],
  data: new Float32Array(count).fill(value),
})

const NUMBERS: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'bool',
]
/** A value of each type, of a length that leaves the next one off its multiple of eight. */
function everyType(count: number): Feeds {
  const numbers = NUMBERS.map((dtype): [string, TensorValue] => {
    const data = new (arrayTypeOf(dtype) as new (length: number) => NumericArray)(count)
    for (let i = 0; i < count; i++) {
      const value = dtype === 'bool' ? i % 2 : i % 100
      data[i] = typeof data[0] === 'bigint' ? (BigInt(value) as never) : (value as never)
    }
    return [dtype, { dtype, dims: [count], data }]
  })
  const texts = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? '' : `Zeile ${i} – ß`))
  return Object.fromEntries([...numbers, ['string', { dtype: 'string', dims: [count], data: texts }]])
}

/** Sessions take pages from here on, or none. */
const withoutPages = () => vi.spyOn(SharedPages, 'open').mockReturnValue(null)
afterEach(() => vi.restoreAllMocks())

describe('parcels', () => {
  const limit = 1 << 20
  const ours = SharedPages.open(limit)
  const other = ours && SharedPages.otherHalf(ours.fd, limit)
  afterAll(() => ours?.close())

  test.skipIf(!ours)('large values lie in the pages, whatever their type, and come back as they were', () => {
    const feeds = everyType(1001)
    const parcel = structuredClone(pack(ours, { op: 'run', feeds }))
    expect(parcel.body).toEqual({ op: 'run', feeds: null })
    expect(unpack(other, parcel)).toEqual({ op: 'run', feeds })
    // The answer tells that they were read: the next lie where they lay.
    const answer = structuredClone(pack(other, { fetched: feeds, firstMs: 1 }))
    expect(answer).toMatchObject({ body: { fetched: null, firstMs: 1 }, freed: [0] })
    expect(answer.values!.pages[0]).toBe(limit)
    expect(unpack(ours, answer)).toEqual({ fetched: feeds, firstMs: 1 })
    const next = pack(ours, { feeds })
    expect([next.freed, next.values!.pages[0]]).toEqual([[limit], 0])
  })

  test.skipIf(!ours)(
    'small values, values that find no room, and all where there are no pages stay in the body',
    () => {
      for (const [pages, count] of [
        [ours, 10],
        [ours, 40_000],
        [null, 1001],
      ] as const) {
        const body = { feeds: everyType(count) }
        const parcel = pack(pages, body)
        expect(parcel.values).toBeUndefined()
        expect(parcel.body).toBe(body)
        expect(unpack(other, parcel)).toBe(body)
      }
      expect(unpack(other, pack(ours, null))).toBeNull()
      expect(unpack(other, pack(ours, { feeds: null }))).toEqual({ feeds: null })
    },
  )
})

describe('sessions in processes of their own', () => {
  test('give the same through pages and through messages, for every type', async () => {
    const types: Readonly<Record<string, string>> = { float32: 'float', float64: 'double' }
    const names = [...NUMBERS, 'string']
    const ports = (prefix: string) => names.map((name) => `${types[name] ?? name}[N] ${prefix}${name}`).join(', ')
    const every = model(
      `g (${ports('in_')}) => (${ports('out_')}) { ${names.map((name) => `out_${name} = Identity(in_${name})`).join(' ')} }`,
    )
    const renamed = (prefix: string, count: number) =>
      Object.fromEntries(Object.entries(everyType(count)).map(([name, value]) => [prefix + name, value]))
    for (const start of [() => {}, withoutPages]) {
      start()
      const session = await openIsolated(every)
      for (const count of [3, 5003, 1001, 0]) {
        const fetched = await session.run(renamed('in_', count))
        expect(fetched).toEqual(renamed('out_', count))
      }
      await session.close()
    }
  })

  test('runs that are under way at a time stay apart, and so do answers that are kept', async () => {
    const session = await openIsolated(negated)
    const values = [1, 2, 3, 4, 5, 6]
    const kept = await Promise.all(values.map((value) => session.run({ x: floats(50_000 + value, value) })))
    await session.run({ x: floats(50_000, 9) })
    expect(kept.map(({ y }) => [y!.data.length, new Set(y!.data as Float32Array)])).toEqual(
      values.map((value) => [50_000 + value, new Set([-value])]),
    )
    // Inner values, and values that the feeds hold already.
    const { x, y } = await session.run({ x: floats(50_000, 7) }, ['x', 'y'])
    expect([x, y].map((value) => new Set(value!.data as Float32Array))).toEqual([new Set([7]), new Set([-7])])
    await session.close()
  })

  test('a result that was given back is empty, and no other one is', async () => {
    const session = await openIsolated(negated)
    const kept = await session.run({ x: floats(50_000, 1) })
    for (const value of [2, 3, 4]) {
      const fetched = await session.run({ x: floats(50_000, value) })
      expect(new Set(fetched.y!.data as Float32Array)).toEqual(new Set([-value]))
      session.giveBack!(fetched)
      expect(fetched.y!.data).toHaveLength(0)
    }
    // Through a message, it has no memory that is used again.
    const small = await session.run({ x: floats(10, 5) })
    session.giveBack!(small)
    expect(small.y!.data).toHaveLength(10)
    expect(new Set(kept.y!.data as Float32Array)).toEqual(new Set([-1]))
    await session.close()
  })

  test('values that the pages cannot hold travel in messages, alone or two at a time', async () => {
    const session = await openIsolated(negated)
    for (const megabytes of [40, 20, 1]) {
      const count = megabytes << 18
      const both = await Promise.all([1, 2].map((value) => session.run({ x: floats(count, value) })))
      expect(both.map(({ y }) => [y!.data.length, y!.data[0], y!.data.at(-1)])).toEqual([
        [count, -1, -1],
        [count, -2, -2],
      ])
    }
    await session.close()
  }, 60_000)

  test('feeds that are timed are kept, whatever runs meanwhile', async () => {
    const session = await openIsolated(
      model('g (int64[N] x) => (float[N] y) <float[2] table = {1, 2}> { y = Gather(table, x) }'),
    )
    const places = (value: bigint) =>
      ({ x: { dtype: 'int64', dims: [8192], data: new BigInt64Array(8192).fill(value) } }) as const
    const timed = places(1n)
    expect(await session.timeRuns(timed, 2)).toHaveLength(2)
    await expect(session.run(places(5n))).rejects.toMatchObject({ code: 'bad-data' })
    // The process has them already, and would refuse those of the run.
    expect(await session.timeRuns(timed, 2)).toHaveLength(2)
    await session.close()
  })

  test('one after another in one process', async () => {
    const processes = startRuntimes(1)
    for (const value of [1, 2, 3]) {
      const session = await openIsolated(negated, {}, { processes })
      const { y } = await session.run({ x: floats(100_000, value) })
      expect(new Set(y!.data as Float32Array)).toEqual(new Set([-value]))
      await session.close()
    }
    await processes.end()
  })

  const descriptors = () => readdirSync('/proc/self/fd').length
  const settled = async (count: number) => {
    for (let i = 0; i < 100 && descriptors() > count; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    return descriptors()
  }
  test.skipIf(process.platform !== 'linux')('leave no descriptor behind, closed or crashed', async () => {
    const run = async (value: number) => {
      const session = await openIsolated(negated)
      await session.run({ x: floats(100_000, value) })
      return session
    }
    await (await run(1)).close()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = descriptors()
    const [closed, crashed] = [await run(1), await run(2)]
    expect(descriptors()).toBeGreaterThan(before)
    await closed.close()
    const under = crashed.timeRuns({ x: floats(100_000, 3) }, 50_000_000)
    process.kill(crashed.pid, 'SIGSEGV')
    await expect(under).rejects.toThrow('SIGSEGV')
    await expect(crashed.run({ x: floats(100_000, 4) })).rejects.toThrow('SIGSEGV')
    await crashed.close()
    expect(await settled(before)).toBe(before)
  })
})
