import { expect, test } from 'vitest'
import { type Fetched, ortNode, type Session, type TensorValue } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { feasibleFeeds, randomFeeds } from '../feeds/random-feeds.ts'
import { measureEquivalence } from './equivalence.ts'

const f32 = (values: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
})
/** A session that gives these results one after the other. */
const scripted = (...results: readonly Fetched[]): Session => {
  let next = 0
  return {
    inputs: [],
    outputs: Object.entries(results[0] as Fetched).map(([name, value]) => ({ name, dtype: value.dtype, shape: null })),
    engine: 'scripted',
    run: async () => results[next++] as Fetched,
    fetchGroups: async () => [],
    close: async () => {},
  }
}

test('figures by hand: maxAbs, maxRel and SQNR over all samples', async () => {
  const a = scripted({ y: f32([1, -2]) }, { y: f32([2, 4]) })
  const b = scripted({ y: f32([1, -2.5]) }, { y: f32([2, 4]) })
  const { equivalence, equal, worst } = await measureEquivalence(a, b, [{}, {}], {
    tolerance: () => ({ abs: 0, rel: 0.2 }),
  })
  // Σa² = 25, Σ(a − b)² = 0.25: 20 dB. 0.5 / 2.5 = 0.2, above 0.2·|a| = 0.4.
  expect(equivalence).toEqual({ samples: 2, maxAbs: 0.5, maxRel: 0.2, sqnrDb: 20 })
  expect(equal).toBe(false)
  expect(worst?.mismatch).toBe('sample 0: element 1: -2 became -2.5')
})

test('the greatest differences are kept, of finite elements and not blown up by zeros', async () => {
  const figures = async (a: number[], b: number[]) =>
    (await measureEquivalence(scripted({ y: f32(a) }), scripted({ y: f32(b) }), [{}])).equivalence
  expect(await figures([1, -2], [1.5, -1.75])).toMatchObject({ maxAbs: 0.5, maxRel: 1 / 3 })
  expect(await figures([-2, 0], [-1, 0])).toMatchObject({ maxAbs: 1, maxRel: 0.5 })
  // A zero beside a thousand is measured by one.
  expect(await figures([1000, 0], [1000, 0.5])).toMatchObject({ maxAbs: 0.5, maxRel: 0.5 })
  const { sqnrDb } = await figures([Infinity, 2], [Infinity, 1])
  expect(sqnrDb).toBeCloseTo(10 * Math.log10(4), 12)
  expect(await figures([Infinity, 1], [5, 1])).toEqual({ samples: 1, maxAbs: 0, maxRel: 0, sqnrDb: null })
})

test('identical outputs have no noise', async () => {
  const { equivalence, equal, worst } = await measureEquivalence(
    scripted({ y: f32([0, 1]) }),
    scripted({ y: f32([0, 1]) }),
    [{}],
  )
  expect(equivalence).toEqual({ samples: 1, maxAbs: 0, maxRel: 0, sqnrDb: null })
  expect(equal).toBe(true)
  expect(worst).toBeNull()
})

test.each([
  ['NaN and infinities in the same places are equal', [Number.NaN, Infinity, 1], [Number.NaN, Infinity, 1], true],
  ['a NaN that appears is a mismatch', [1, 2, 3], [1, Number.NaN, 3], false],
  ['an infinity of the other sign is a mismatch', [Infinity], [-Infinity], false],
  ['−0 is 0', [0], [-0], true],
  ['within absolute and relative tolerance', [1000, 0], [1000.9, 0.0009], true],
  ['beyond it', [1000], [1002.1], false],
  ['a little beyond the relative', [1000], [1001.2], false],
  ['a little beyond the absolute', [0], [0.0012], false],
  ['below zero as above', [-1000], [-1000.9], true],
  ['beside large outputs, float32 rounds by steps of these', [10000, 0.2], [10000, 0.205], true],
  ['more than such steps is a mismatch', [10000, 0.2], [10000, 0.22], false],
  ['beside small outputs they are none', [100, 0.2], [100, 0.205], false],
])('%s', async (_, a, b, expected) => {
  const result = await measureEquivalence(scripted({ y: f32(a) }), scripted({ y: f32(b) }), [{}])
  expect(result.equal).toBe(expected)
  expect(Number.isFinite(result.equivalence.maxAbs)).toBe(true)
})

test('integers, booleans and strings must be equal; shapes, types and names too', async () => {
  const value = (dtype: TensorValue['dtype'], data: TensorValue['data']): Fetched => ({
    y: { dtype, dims: [data.length], data },
  })
  const compare = async (a: Fetched, b: Fetched) =>
    (await measureEquivalence(scripted(a), scripted(b), [{}])).worst?.mismatch
  expect(await compare(value('int64', BigInt64Array.of(5n, 7n)), value('int64', BigInt64Array.of(5n, 8n)))).toMatch(
    /1 of 2 elements differ, first element 1: 7 became 8/,
  )
  expect(await compare(value('string', ['a']), value('string', ['b']))).toMatch(/a became b/)
  expect(await compare(value('bool', Uint8Array.of(1)), value('bool', Uint8Array.of(0)))).toMatch(/1 became 0/)
  expect(await compare(value('int32', Int32Array.of(1)), value('int64', BigInt64Array.of(1n)))).toMatch(
    /int32 became int64/,
  )
  expect(await compare({ y: f32([1]) }, { y: f32([1, 2]) })).toMatch(/shape \[1\] became \[2\]/)
  expect(await compare({ y: f32([1]) }, { z: f32([1]) })).toMatch(/no such output/)
  const shaped = (...dims: number[]): Fetched => ({ y: { ...f32([1, 2, 3, 4]), dims } })
  expect(await compare(shaped(2, 2), shaped(2, 1))).toMatch(/shape \[2,2\] became \[2,1\]/)
  expect(await compare(shaped(4), shaped(4, 1))).toMatch(/shape \[4\] became \[4,1\]/)
  expect(await compare(value('int32', Int32Array.of(5, 7)), value('int32', Int32Array.of(6, 8)))).toMatch(
    /2 of 2 elements differ, first element 0: 5 became 6/,
  )
  const both = await measureEquivalence(
    scripted({ x: f32([1]), y: f32([2]) }),
    scripted({ x: f32([1]), y: f32([3]) }),
    [{}],
  )
  expect([both.equal, both.worst?.name]).toEqual([false, 'y'])
})

test('integers have figures as floats have; texts that differ are one apart', async () => {
  const figures = async (a: TensorValue, b: TensorValue) =>
    (await measureEquivalence(scripted({ y: a }), scripted({ y: b }), [{}])).equivalence
  const whole = (...data: number[]): TensorValue => ({
    dtype: 'int64',
    dims: [3],
    data: BigInt64Array.from(data, BigInt),
  })
  // Σa² = 29, Σ(a − b)² = 4 + 1.
  const { sqnrDb, ...seen } = await figures(whole(3, 4, 2), whole(3, 6, 1))
  expect(seen).toEqual({ samples: 1, maxAbs: 2, maxRel: 0.5 })
  expect(sqnrDb).toBeCloseTo(10 * Math.log10(29 / 5), 12)
  // Of the greater of both magnitudes, or of one.
  const pairs = [
    [-4, -2, 0.5],
    [-2, -4, 0.5],
    [0, 1, 1],
  ] as const
  for (const [x, y, maxRel] of pairs) expect(await figures(whole(x, 9, 9), whole(y, 9, 9))).toMatchObject({ maxRel })
  const text = (...data: string[]): TensorValue => ({ dtype: 'string', dims: [2], data })
  expect(await figures(text('a', 'b'), text('a', 'c'))).toMatchObject({ maxAbs: 1, maxRel: 1 })
})

test('a choice between scores that are as good may fall on either; one between others may not', async () => {
  // Two rows of three classes at two places: [2, 3, 2].
  const scores: TensorValue = { ...f32([1, 5, 2, 5, 2.001, 4, 3, 0, 1, 0, 2, 0]), dims: [2, 3, 2] }
  const places = (...list: number[]): TensorValue => ({
    dtype: 'int64',
    dims: [2, 2],
    data: BigInt64Array.from(list, BigInt),
  })
  const choices = new Map([['y', { scores: 'scores', axis: -2 }]])
  const scored = (...to: number[]) => {
    const { outputs } = scripted({ y: places(2, 0, 0, 0) })
    // Scores are no output: they come when they are asked for.
    const run = async (_: unknown, fetch?: readonly string[]): Promise<Fetched> => ({
      y: places(2, 0, 0, 0),
      ...(fetch?.includes('scores') && { scores }),
    })
    const base = { outputs, run }
    return measureEquivalence(base, scripted({ y: places(...to) }), [{}], { choices })
  }
  expect((await scored(1, 1, 0, 2)).equal).toBe(true)
  expect((await scored(1, 1, 0, 2)).equivalence.maxAbs).toBe(2)
  expect((await scored(0, 0, 0, 0)).worst?.mismatch).toMatch(/1 of 4 elements differ, first element 0: 2 became 0/)
  expect((await scored(2, 0, 2, 0)).equal).toBe(false)
  expect((await scored(2, 0, 3, 0)).equal).toBe(false)
})

test('how near two scores are that may be taken for each other', async () => {
  const tie = async (scores: readonly number[], axis: number, to: readonly number[]) => {
    const place = (data: readonly number[]): TensorValue => ({
      dtype: 'int64',
      dims: [2],
      data: BigInt64Array.from(data, BigInt),
    })
    const results = { y: place([0, 0]), scores: { ...f32(scores), dims: [2, 2] } }
    const base = { outputs: scripted({ y: results.y }).outputs, run: async () => results }
    const choices = new Map([['y', { scores: 'scores', axis }]])
    return (await measureEquivalence(base, scripted({ y: place(to) }), [{}], { choices })).equal
  }
  // Rows of two scores: each may be off by 0.001 + 0.001 · |score|.
  expect(await tie([1, 1.0035, 5, 0], 1, [1, 0])).toBe(true)
  expect(await tie([1, 1.005, 5, 0], 1, [1, 0])).toBe(false)
  expect(await tie([-1000, -1001, 5, 0], -1, [1, 0])).toBe(true)
  // The least of 1 and 5 is not 5.
  expect(await tie([1, 5, 5, 0], 1, [1, 0])).toBe(false)
  // By columns: 1 and 1.001, 5 and 0.
  expect(await tie([1, 5, 1.001, 0], 0, [1, 0])).toBe(true)
  expect(await tie([1, 5, 1.001, 0], 0, [0, 1])).toBe(false)
  // Places that are none, though the number that lies there is as good.
  expect(await tie([0, 5, 5, 0], 1, [0, -1])).toBe(false)
  expect(await tie([5, 0, 5, 0], 1, [2, 0])).toBe(false)
  // Beside 10,000, scores are off by steps of that.
  expect(await tie([0.2, 0.205, 10_000, 0], 1, [1, 0])).toBe(true)
  expect(await tie([0.2, 0.205, 10, 0], 1, [1, 0])).toBe(false)
})

test('the random inputs of a seed are always the same, and keep to domains, ranges and shared symbols', () => {
  const inputs = [
    { name: 'image', dtype: 'float32', shape: ['batch', 3, 'h', 'w'] },
    { name: 'again', dtype: 'float32', shape: ['batch', 'h'] },
    { name: 'pixels', dtype: 'uint8', shape: [256] },
    { name: 'ids', dtype: 'int64', shape: ['batch', null] },
    { name: 'attention_mask', dtype: 'int64', shape: ['batch', null] },
    { name: 'half', dtype: 'float16', shape: [4] },
    { name: 'flag', dtype: 'bool', shape: [64] },
    { name: 'text', dtype: 'string', shape: [2] },
    { name: 'ranged', dtype: 'float32', shape: [500] },
    { name: 'level', dtype: 'int32', shape: [200] },
  ] as const
  const options = { seed: 7, rows: 2, size: 5, domains: { ranged: [-3, -1], level: [4, 6] } } as const
  const feeds = randomFeeds(inputs, options)
  expect(randomFeeds(inputs, options)).toEqual(feeds)
  expect(randomFeeds(inputs, { ...options, seed: 8 })).not.toEqual(feeds)
  const all = (name: string) => Array.from(feeds[name]?.data as ArrayLike<number | bigint>, Number)
  expect(feeds.image?.dims).toEqual([2, 3, 5, 5])
  expect(feeds.again?.dims).toEqual([2, 5])
  expect(all('image').every((x) => x >= 0 && x < 1)).toBe(true)
  expect(Math.max(...all('pixels'))).toBeGreaterThan(200)
  expect(all('ids').every((x) => x >= 0 && x <= 15)).toBe(true)
  expect(new Set(all('attention_mask'))).toEqual(new Set([1]))
  expect(new Set(all('flag'))).toEqual(new Set([0, 1]))
  expect(Math.min(...all('ranged'))).toBeGreaterThanOrEqual(-3)
  expect(Math.max(...all('ranged'))).toBeLessThanOrEqual(-1)
  expect(new Set(all('level'))).toEqual(new Set([4, 5, 6]))
  expect(feeds.half?.data).toBeInstanceOf(Uint16Array)
})

test('finds sizes and indices that a model accepts, and says what to do where there are none', async () => {
  const model = (body: string) => parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${body}`)
  // Only multiples of 320 can be reshaped, and only the indices 0 and 1 exist.
  const picky = await ortNode.open(
    model(`g (float[1,L] x, int64[4] i) => (float[N,320] y, float[4] z) <int64[2] s = {-1, 320}, float[2] t = {5, 6}> {
      y = Reshape(x, s)  z = Gather(t, i) }`),
  )
  const { settings, feeds } = await feasibleFeeds(picky)
  expect(settings).toMatchObject({ size: 320, largestIndex: 1 })
  expect(feeds.x?.dims).toEqual([1, 320])
  // Two draws of 16 fit into nine places by luck, and the next two do not.
  const lucky = await ortNode.open(
    model('g (int64[1,2] i) => (float[1,2] z) <float[9] t = {1, 2, 3, 4, 5, 6, 7, 8, 9}> { z = Gather(t, i) }'),
  )
  for (const seed of [0, 1, 2, 3, 4, 5])
    expect((await feasibleFeeds(lucky, { seed })).settings).toMatchObject({ largestIndex: 1 })
  const never = await ortNode.open(
    model('g (float[N,L] x) => (float[N,10007] y) <int64[2] s = {-1, 10007}> { y = Reshape(x, s) }'),
  )
  await expect(feasibleFeeds(never)).rejects.toMatchObject({
    code: 'bad-argument',
    hint: expect.stringContaining('--shape'),
  })
})
