import { describe, expect, test } from 'vitest'
import { type DType, parseModel } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { Engine, Feeds, Fetched, TensorValue } from './session.ts'

/** A tensor of float32. */
export const f32 = (dims: readonly number[], values: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
})
const i64 = (dims: readonly number[], values: readonly number[]): TensorValue => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
})
const model = (body: string) => parseModel(`<ir_version: 10, opset_import: ["" : 20]> ${body}`)

/** y = max(0, −(x + b)), in three nodes. */
export const chain = model(`g (float[N,2] x) => (float[N,2] y)
  <float[2] b = {10, 20}> { s = Add(x, b)  n = Neg(s)  y = Relu(n) }`)

/**
 * What every engine promises, as tests: the words are those of `Session`. The models compute on small whole numbers, so
 * that every engine's answer is the same to the bit.
 */
export function engineContract(name: string, engine: Engine): void {
  const withSession = async <T>(
    source: ReturnType<typeof model>,
    use: (session: Awaited<ReturnType<Engine['open']>>) => Promise<T>,
  ): Promise<T> => {
    const session = await engine.open(source)
    try {
      return await use(session)
    } finally {
      await session.close()
    }
  }
  const runOnce = (source: ReturnType<typeof model>, feeds: Feeds): Promise<Fetched> =>
    withSession(source, (session) => session.run(feeds))
  const list = (value: TensorValue | undefined) => Array.from(value?.data as Float32Array, Number)

  describe(`the engine contract: ${name}`, () => {
    test('says its name, and what goes in and out', () =>
      withSession(chain, async (session) => {
        expect(session.engine).toMatch(/\w/)
        expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 2] }])
        expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 2] }])
      }))

    test('a run gives the outputs and nothing else, for any size of a free dimension', () =>
      withSession(chain, async (session) => {
        expect(await session.run({ x: f32([2, 2], [-11, -22, 1, 2]) })).toEqual({ y: f32([2, 2], [1, 2, 0, 0]) })
        expect(await session.run({ x: f32([1, 2], [-12, 0]) })).toEqual({ y: f32([1, 2], [2, 0]) })
      }))

    test('a run with names gives exactly those: inner values, weights, inputs, outputs', () =>
      withSession(chain, async (session) => {
        const x = f32([1, 2], [1, 2])
        const fetched = await session.run({ x }, ['n', 'b', 'x', 'y'])
        expect(Object.keys(fetched).sort()).toEqual(['b', 'n', 'x', 'y'])
        expect(fetched.n).toEqual(f32([1, 2], [-11, -22]))
        expect(fetched.b).toEqual(f32([2], [10, 20]))
        expect(fetched.x).toEqual(x)
        expect(fetched.y).toEqual(f32([1, 2], [0, 0]))
        expect(Object.keys(await session.run({ x }, ['s']))).toEqual(['s'])
        const unknown = await session.run({ x }, ['nowhere']).catch((error: unknown) => error)
        expect(unknown).toBeInstanceOf(UserError)
        expect((unknown as UserError).message).toContain('"nowhere"')
      }))

    test('hands out the places of tokens, which the runtime would make one with the table that they are read from', () =>
      withSession(
        model(`g (int64[1,N] ids) => (float[N,1] y) <float[4,1] table = {1, 2, 3, 4}, int64 zero = {0}, int64 one = {1}>
          { s = Shape(ids) n = Gather(s, one) r = Range(zero, n, one) p = Gather(table, r) y = Neg(p) }`),
        async (session) => {
          const fetched = await session.run({ ids: i64([1, 3], [7, 7, 7]) }, ['r', 'p'])
          expect(fetched).toEqual({ r: i64([3], [0, 1, 2]), p: f32([3, 1], [1, 2, 3]) })
        },
      ))

    test('results and feeds belong to the caller', () =>
      withSession(chain, async (session) => {
        const x = f32([1, 2], [-11, -22])
        const first = await session.run({ x }, ['x', 'b', 'n', 'y'])
        for (const value of Object.values(first)) (value.data as Float32Array).fill(99)
        expect(list(x)).toEqual([-11, -22])
        const second = await session.run({ x }, ['b', 'n', 'y'])
        expect([list(second.b), list(second.n), list(second.y)]).toEqual([
          [10, 20],
          [1, 2],
          [1, 2],
        ])
        const kept = list(second.y)
        ;(x.data as Float32Array).fill(5)
        await session.run({ x })
        expect(list(second.y)).toEqual(kept)
      }))

    const x = f32([1, 2], [1, 2])
    test.each<[string, Feeds, RegExp]>([
      ['a missing input', {}, /"x"/],
      ['an unknown input', { x, z: x }, /"z"/],
      ['a wrong dtype', { x: i64([1, 2], [1, 2]) }, /"x" is int64/],
      ['a wrong size', { x: f32([1, 3], [1, 2, 3]) }, /"x" is float32\[1,3\]/],
      ['a wrong rank', { x: f32([2], [1, 2]) }, /"x" is float32\[2\]/],
      ['too few elements', { x: f32([3, 2], [1, 2]) }, /"x".*2 elements/],
      ['elements in another array type', { x: { ...x, data: Float64Array.of(1, 2) } }, /"x".*Float64Array/],
    ])('%s is a UserError that names the input and what it should be', (_, feeds, message) =>
      withSession(chain, async (session) => {
        const error = await session.run(feeds).catch((caught: unknown) => caught)
        expect(error).toBeInstanceOf(UserError)
        expect((error as UserError).code).toBe('bad-data')
        expect((error as UserError).message).toMatch(message)
        expect((error as UserError).hint).toContain('float32[N,2]')
        // And the session still works.
        expect(await session.run({ x })).toEqual({ y: f32([1, 2], [0, 0]) })
      }),
    )

    test.each<[string, DType, TensorValue['data']]>([
      ['float', 'float32', Float32Array.of(0.1, -0)],
      ['double', 'float64', Float64Array.of(0.1, -1e300)],
      ['int64', 'int64', BigInt64Array.of(2n ** 62n + 1n, -1n)],
      ['uint64', 'uint64', BigUint64Array.of(2n ** 64n - 1n, 0n)],
      ['int32', 'int32', Int32Array.of(-(2 ** 31), 7)],
      ['uint32', 'uint32', Uint32Array.of(2 ** 32 - 1, 7)],
      ['int16', 'int16', Int16Array.of(-32768, 7)],
      ['uint16', 'uint16', Uint16Array.of(65535, 7)],
      ['int8', 'int8', Int8Array.of(-128, 7)],
      ['uint8', 'uint8', Uint8Array.of(255, 7)],
      ['bool', 'bool', Uint8Array.of(1, 0)],
      ['string', 'string', ['a', 'ß€']],
    ])('%s goes in and comes out unchanged', async (type, dtype, data) => {
      const identity = model(`g (${type}[2] x) => (${type}[2] y) { y = Identity(x) }`)
      expect(await runOnce(identity, { x: { dtype, dims: [2], data } })).toEqual({ y: { dtype, dims: [2], data } })
    })

    test('float16 comes out as bits; as a feed it works or is refused by name', async () => {
      const out = model('g (float[3] x) => (float16[3] y) { y = Cast<to: int = 10>(x) }')
      expect(await runOnce(out, { x: f32([3], [1, -2, 0.1]) })).toEqual({
        y: { dtype: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x2e66) },
      })
      const into = model('g (float16[2] x) => (float[2] y) { y = Cast<to: int = 1>(x) }')
      const half: TensorValue = { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) }
      const outcome = await runOnce(into, { x: half }).catch((error: unknown) => error)
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(UserError)
        expect(outcome.message).toContain('"x"')
      } else expect(outcome).toEqual({ y: f32([2], [1, -2]) })
    })

    test('scalars have no dimensions', async () => {
      const scalar = model('g (float x) => (float y, int64 n) { y = Neg(x)  n = Size(x) }')
      expect(await runOnce(scalar, { x: f32([], [3]) })).toEqual({ y: f32([], [-3]), n: i64([], [1]) })
    })

    test('tensors without elements go through', async () => {
      const empty = model(`g (float[N,2] x) => (float[N,2] y, float[1,2] total, int64[2] dims)
        <int64[1] axis = {0}> { y = Neg(x)  total = ReduceSum(x, axis)  dims = Shape(x) }`)
      expect(await runOnce(empty, { x: f32([0, 2], []) })).toEqual({
        y: f32([0, 2], []),
        total: f32([1, 2], [0, 0]),
        dims: i64([2], [0, 2]),
      })
    })

    test('an input with a default value is none that has to be fed', () => {
      const defaulted = model('g (float[2] x, float[2] w = {3, 4}) => (float[2] y) { y = Mul(x, w) }')
      return withSession(defaulted, async (session) => {
        expect(session.inputs.map((input) => input.name)).toEqual(['x'])
        expect(await session.run({ x: f32([2], [1, 2]) })).toEqual({ y: f32([2], [3, 8]) })
      })
    })

    test('branches see the values around them, and only one of them is taken', async () => {
      const branch = model(`g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}> {
        s = Add(x, w)
        y = If(c) <then_branch: graph = t () => (float[2] o) { o = Neg(s) },
                   else_branch: graph = e () => (float[2] p) { p = Mul(s, w) }>
      }`)
      const pick = (c: number) =>
        runOnce(branch, { x: f32([2], [1, 1]), c: { dtype: 'bool', dims: [], data: Uint8Array.of(c) } })
      expect(await pick(1)).toEqual({ y: f32([2], [-2, -3]) })
      expect(await pick(0)).toEqual({ y: f32([2], [2, 6]) })
    })

    test('loops carry state and stack what they scan', async () => {
      const loop = model(`g (float[1] x, int64 n) => (float[1] last, float[K,1] all) <bool go = {1}> {
        last, all = Loop(n, go, x) <body: graph = b (int64 i, bool c, float[1] v) => (bool c2, float[1] v2, float[1] seen) {
          c2 = Identity(c)  v2 = Add(v, x)  seen = Identity(v2)
        }>
      }`)
      expect(await runOnce(loop, { x: f32([1], [2]), n: i64([], [3]) })).toEqual({
        last: f32([1], [8]),
        all: f32([3, 1], [4, 6, 8]),
      })
    })

    test('functions of the model are run', async () => {
      const local = parseModel(`<ir_version: 10, opset_import: ["" : 20, "local" : 1]>
        g (float[2] x) => (float[2] y) { y = local.scaled <by: float = 3.0> (x) }
        <domain: "local", opset_import: ["" : 20]>
        scaled <by> (a) => (b) { k = Constant <value_float: float = @by> ()  b = Mul(a, k) }`)
      expect(await runOnce(local, { x: f32([2], [1, 2]) })).toEqual({ y: f32([2], [3, 6]) })
    })

    test('a branch inside of a function has the attributes of the call', async () => {
      const local = parseModel(`<ir_version: 10, opset_import: ["" : 20, "local" : 1]>
        g (float[2] x, bool c) => (float[2] y, float[2] z) {
          y = local.leaky <by: float = 0.5> (x, c)  z = local.leaky(x, c)
        }
        <domain: "local", opset_import: ["" : 20]>
        leaky <by: float = 0.25> (a, c) => (b) { b = If(c) <
          then_branch = t () => (float[2] p) { p = LeakyRelu <alpha: float = @by> (a) },
          else_branch = e () => (float[2] q) { q = Identity(a) }
        > }`)
      const run = (c: boolean) =>
        runOnce(local, { x: f32([2], [-4, 8]), c: { dtype: 'bool', dims: [], data: Uint8Array.of(Number(c)) } })
      expect(await run(true)).toEqual({ y: f32([2], [-2, 8]), z: f32([2], [-1, 8]) })
      expect(await run(false)).toEqual({ y: f32([2], [-4, 8]), z: f32([2], [-4, 8]) })
    })

    test('an operator that nobody knows is a UserError', async () => {
      const unknown = parseModel(
        '<ir_version: 10, opset_import: ["" : 20, "nobody" : 1]> g (float[2] x) => (float[2] y) { y = nobody.Magic(x) }',
      )
      const error = await engine.open(unknown).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(UserError)
      expect(`${(error as UserError).message} ${(error as UserError).where}`).toContain('Magic')
    })

    test('groups hold each value once, in order, within the budget unless one alone is larger', () => {
      const wide = model(`g (float[N] x) => (float[N] y)
        <int64[2] shape = {-1, 1}, int64[2] tile = {1, 8}, int64[1] axis = {1}>
        { r = Reshape(x, shape)  big = Tile(r, tile)  small = Neg(x)
          m = ReduceSum<keepdims: int = 0>(big, axis)  y = Add(small, m) }`)
      return withSession(wide, async (session) => {
        const feeds = { x: f32([4], [1, 2, 3, 4]) }
        // Bytes: r 16, small 16, big 128, m 16, y 16.
        const names = ['r', 'small', 'big', 'm', 'y', 'nowhere']
        expect(await session.fetchGroups(feeds, names, 40)).toEqual([['r', 'small'], ['big'], ['m', 'y']])
        expect(await session.fetchGroups(feeds, names, 1000)).toEqual([['r', 'small', 'big', 'm', 'y']])
        expect(await session.fetchGroups(feeds, names, 1)).toEqual([['r'], ['small'], ['big'], ['m'], ['y']])
        expect(await session.fetchGroups(feeds, [], 40)).toEqual([])
        const [group] = await session.fetchGroups(feeds, names, 40)
        expect(Object.keys(await session.run(feeds, group))).toEqual(['r', 'small'])
      })
    })

    test('sessions are independent, and a closed one does not run', async () => {
      const [a, b] = [await engine.open(chain), await engine.open(chain)]
      await a.close()
      expect(await b.run({ x: f32([1, 2], [-11, -22]) })).toEqual({ y: f32([1, 2], [1, 2]) })
      await b.close()
      await expect(a.run({ x })).rejects.toThrow()
    })
  })
}
