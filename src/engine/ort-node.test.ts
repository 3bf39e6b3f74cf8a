import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { engineContract, f32 } from './contract-kit.ts'
import { ortNode } from './ort-node.ts'
import type { TensorValue } from './session.ts'

const numbers = (value: TensorValue | undefined) => [...((value?.data ?? []) as Float32Array)]
const model = (body: string, opset = 20) => parseModel(`<ir_version: 10, opset_import: ["" : ${opset}]> ${body}`)

const chain = model(`g (float[N,2] x) => (float[N,2] y)
  <float[2] b = {10, 20}> { s = Add(x, b)  n = Neg(s)  y = Relu(n) }`)

engineContract('onnxruntime-node', ortNode)

describe('ortNode', () => {
  test('runs a model and gives its outputs', async () => {
    const session = await ortNode.open(chain)
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 2] }])
    expect(session.outputs.map((output) => output.name)).toEqual(['y'])
    const { y } = await session.run({ x: f32([2, 2], [-11, -22, 1, 2]) })
    expect(y).toEqual(f32([2, 2], [1, 2, 0, 0]))
    await session.close()
  })

  test('hands out inner values, weights and inputs by name, exactly those asked for', async () => {
    const session = await ortNode.open(chain)
    const x = f32([1, 2], [1, 2])
    const fetched = await session.run({ x }, ['n', 'b', 'x', 'y'])
    expect(Object.keys(fetched)).toEqual(['n', 'b', 'x', 'y'])
    expect(numbers(fetched.n)).toEqual([-11, -22])
    expect(numbers(fetched.b)).toEqual([10, 20])
    expect(fetched.x).toEqual(x)
    expect(fetched.x?.data).not.toBe(x.data)
    expect(Object.keys(await session.run({ x }, ['s']))).toEqual(['s'])
    await expect(session.run({ x }, ['nowhere'])).rejects.toThrow(/no value "nowhere"/)
    await session.close()
  })

  test('results stay as they are whatever the caller or the next run does', async () => {
    const weights = model(
      'g (float[1] x) => (float[2] y, float[1] z) <float[2] w = {1, 2}> { y = Identity(w) z = Neg(x) }',
    )
    const session = await ortNode.open(weights)
    const first = await session.run({ x: f32([1], [1]) })
    const mine = first.y?.data
    if (mine instanceof Float32Array) mine.fill(9)
    const second = await session.run({ x: f32([1], [2]) })
    expect(numbers(second.y)).toEqual([1, 2])
    expect(numbers(first.z)).toEqual([-1])
    await session.close()
  })

  test.each([
    ['int64', BigInt64Array.of(1n, -(2n ** 60n))],
    ['uint64', BigUint64Array.of(1n, 2n ** 63n)],
    ['int32', Int32Array.of(1, -2)],
    ['uint32', Uint32Array.of(1, 2 ** 31)],
    ['int16', Int16Array.of(1, -2)],
    ['uint16', Uint16Array.of(1, 65535)],
    ['int8', Int8Array.of(1, -2)],
    ['uint8', Uint8Array.of(1, 255)],
    ['bool', Uint8Array.of(1, 0)],
    ['double', Float64Array.of(1, 0.1)],
    ['string', ['a', 'ß']],
  ] as const)('carries %s both ways', async (type, data) => {
    const session = await ortNode.open(model(`g (${type}[2] x) => (${type}[2] y) { y = Identity(x) }`))
    const dtype = type === 'double' ? 'float64' : type
    const { y } = await session.run({ x: { dtype, dims: [2], data } })
    expect(y?.dtype).toBe(dtype)
    expect(y?.data).toEqual(data)
    await session.close()
  })

  test('float16 goes in and out as bits, also where Node has a Float16Array', async () => {
    const out = await ortNode.open(model('g (float[2] x) => (float16[2] y) { y = Cast<to: int = 10>(x) }'))
    expect((await out.run({ x: f32([2], [1, -2]) })).y).toEqual({
      dtype: 'float16',
      dims: [2],
      data: Uint16Array.of(0x3c00, 0xc000),
    })
    const both = await ortNode.open(model('g (float16[2] x) => (float[2] y) { y = Cast<to: int = 1>(x) }'))
    const half: TensorValue = { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) }
    expect(numbers((await both.run({ x: half })).y)).toEqual([1, -2])
    await out.close()
    await both.close()
  })

  test('an output type that would abort the process is a UserError before anything is opened', async () => {
    const int4 = model('g (float[2] x) => (int4[2] y) { y = Cast<to: int = 22>(x) }', 21)
    await expect(ortNode.open(int4)).rejects.toMatchObject({ code: 'unsupported', where: 'y' })
    const inner = model(
      'g (float[2] x) => (float[2] y) { q = Cast<to: int = 22>(x)  h = Cast<to: int = 16>(x) y = Cast<to: int = 1>(q) }',
      21,
    )
    const session = await ortNode.open(inner)
    await expect(session.run({ x: f32([2], [1, 2]) }, ['q'])).rejects.toMatchObject({ code: 'unsupported' })
    expect(await session.fetchGroups({ x: f32([2], [1, 2]) }, ['q', 'h', 'y'], 100)).toEqual([['y']])
    await session.close()
  })

  test('sequences are left out of the outputs by name; a model with nothing else is refused', async () => {
    const mixed = model('g (float[2] x) => (seq(float[2]) s, float[2] y) { s = SequenceConstruct(x) y = Neg(x) }')
    const session = await ortNode.open(mixed)
    expect(session.omitted.map(({ name }) => name)).toEqual(['s'])
    expect(Object.keys(await session.run({ x: f32([2], [1, 2]) }))).toEqual(['y'])
    await session.close()
    const only = model('g (float[2] x) => (seq(float[2]) s) { s = SequenceConstruct(x) }')
    await expect(ortNode.open(only)).rejects.toThrow(/None of the model’s outputs is a tensor/)
  })

  test('groups inner values by their measured size under the budget', async () => {
    const wide = model(`g (float[N] x) => (float[N] y)
      <int64[2] shape = {-1, 1}, int64[2] tile = {1, 8}>
      { r = Reshape(x, shape)  big = Tile(r, tile)  small = Neg(x)  m = ReduceSum<keepdims: int = 0>(big)  y = Add(small, m) }`)
    const session = await ortNode.open(wide)
    const feeds = { x: f32([4], [1, 2, 3, 4]) }
    // r: 16 bytes, big: 128, small: 16, m: 4, y: 16.
    const names = ['r', 'small', 'big', 'm', 'y', 'x', 'shape', 'nowhere']
    expect(await session.fetchGroups(feeds, names, 40)).toEqual([['r', 'small'], ['big'], ['m', 'y']])
    expect(await session.fetchGroups(feeds, names, 1000)).toEqual([['r', 'small', 'big', 'm', 'y']])
    await session.close()
  })

  test.each([
    ['a missing input', {}, /"x" is missing/],
    ['an unknown input', { x: f32([1, 2], [1, 2]), z: f32([1], [1]) }, /no input "z"/],
    [
      'a wrong dtype',
      { x: { dtype: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) } as TensorValue },
      /"x" is int32/,
    ],
    ['a wrong shape', { x: f32([1, 3], [1, 2, 3]) }, /"x" is float32\[1,3\]/],
    ['a wrong rank', { x: f32([2], [1, 2]) }, /"x" is float32\[2\]/],
    ['too few elements', { x: f32([3, 2], [1, 2]) }, /holds 2 elements/],
  ])('%s is a UserError that says what it should be', async (_, feeds, message) => {
    const session = await ortNode.open(chain)
    const error = await session.run(feeds).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(UserError)
    expect((error as UserError).message).toMatch(message)
    expect((error as UserError).hint).toMatch(/float32\[N,2\]/)
    await session.close()
  })

  test('a model that the runtime refuses, and options that it would ignore', async () => {
    const unknown = parseModel(
      '<ir_version: 10, opset_import: ["" : 20, "nobody" : 1]> g (float[2] x) => (float[2] y) { y = nobody.Magic(x) }',
    )
    await expect(ortNode.open(unknown)).rejects.toBeInstanceOf(UserError)
    await expect(ortNode.open(chain, { config: { 'session.typo': '1' } as never })).rejects.toThrow(/session.typo/)
    await expect(ortNode.open(chain, { threads: 0 })).rejects.toThrow(/threads is 0/)
  })

  test('counts the kernels that the runtime makes, bodies included, and leaves no file', async () => {
    const before = leftovers()
    const branch = model(`g (float[2] x, bool c) => (float[2] y) <float[2] b = {1, 2}> {
      s = Add(x, b)  r = Relu(s)
      y = If(c) <then_branch: graph = t () => (float[2] o) { o = Neg(r) }, else_branch: graph = e () => (float[2] p) { p = Abs(r) }>
    }`)
    const result = await ortNode.kernels(branch)
    expect(result).toEqual({ counts: expect.objectContaining({ Add: 1, Relu: 1, If: 1, Neg: 1, Abs: 1 }) })
    const folded = model(
      'g (float[2] x) => (float[2] y) <float[2] a = {1, 2}, float[2] b = {3, 4}> { c = Add(a, b) y = Mul(x, c) }',
    )
    expect(await ortNode.kernels(folded)).toEqual({ counts: { Mul: 1 } })
    expect(leftovers()).toEqual(before)
  })

  test('a model whose kernels cannot be read gives the reason', async () => {
    const wrong = model('g (float[2] x) => (float[2] y) <float[3] a = {1, 2, 3}> { y = Add(x, a) }')
    const result = await ortNode.kernels(wrong)
    expect('reason' in result && result.reason).toMatch(/Add|shape|dim/i)
  })

  test('profiles: names of nodes that the runtime writes into its trace unescaped come back as they are', async () => {
    const names = ['a"b', 'back\\slash', 'line\nbreak', '"},{', '⟦0⟧', 'plain é']
    const long = model(`g (float[2,2] x) => (float[2,2] v5) <float[2,2] w = {1, 2, 3, 4}>
      { v0 = MatMul(x, w) ${[1, 2, 3, 4, 5].map((i) => `v${i} = MatMul(v${i - 1}, w)`).join(' ')} }`)
    const nodes = long.graph.nodes.map((node, i) => ({ ...node, name: names[i]! }))
    const odd = { ...long, graph: { ...long.graph, nodes } }
    const report = await ortNode.profile(odd, { x: f32([2, 2], [1, 2, 3, 4]) }, 2)
    expect(report.nodes.map(({ name }) => name).sort()).toEqual([...names].sort())
  })

  test('profiles: every node once a run, medians no longer than the whole', async () => {
    const report = await ortNode.profile(chain, { x: f32([2, 2], [1, 2, 3, 4]) }, 5)
    expect(report).toMatchObject({ kind: 'profile', runs: 5, threads: 1 })
    expect(Object.values(report.operators).reduce((sum, { calls }) => sum + calls, 0)).toBe(report.nodes.length)
    expect(report.nodes.length).toBeGreaterThan(0)
    expect(report.operators.Add?.calls).toBe(1)
  })
})

const leftovers = () =>
  readdirSync(tmpdir()).filter(
    (name) => name.startsWith('whetstone-') && existsSync(`${tmpdir()}/${name}/optimized.onnx`),
  )

describe('extremes of inner values, without the values', () => {
  const text = `g (float[N,2] x) => (float[N,2] y)
    <float[2] b = {10, 20}> { s = Add(x, b)  n = Neg(s)  c = Cast<to=7>(n)  y = Log(s) }`

  test('are those of the values themselves; what is not float or not made here is left out', async () => {
    const session = await ortNode.open(parseModel(`<ir_version: 8, opset_import: ["" : 17]> ${text}`))
    const x = { dtype: 'float32', dims: [2, 2], data: Float32Array.of(-11, -19, 1, 2) } as const
    const found = await session.extremes!({ x }, ['n', 'c', 'x', 's', 'nowhere', 'y'])
    expect([...found.keys()].sort()).toEqual(['n', 's', 'y'])
    expect(found.get('s')).toEqual({ min: -1, max: 22, elements: 4, finite: true })
    expect(found.get('n')).toEqual({ min: -22, max: 1, elements: 4, finite: true })
    // The logarithm of −1.
    expect(found.get('y')).toMatchObject({ elements: 4, finite: false })
    expect([...(await session.extremes!({ x }, ['c']))]).toEqual([])
    await session.close()
  })

  test('a mask whose elements add up to more than float32 holds is finite; an infinite element is not', async () => {
    const session = await ortNode.open(parseModel(`<ir_version: 8, opset_import: ["" : 17]> ${text}`))
    const of = async (...data: readonly number[]) =>
      (await session.extremes!({ x: { dtype: 'float32', dims: [2, 2], data: Float32Array.from(data) } }, ['n'])).get(
        'n',
      )
    const least = -(2 ** 127)
    expect(await of(0, least, least, least)).toEqual({ min: -10, max: 2 ** 127, elements: 4, finite: true })
    expect((await of(0, 0, Number.NEGATIVE_INFINITY, 0))?.finite).toBe(false)
    expect((await of(0, 0, Number.NaN, 0))?.finite).toBe(false)
    await session.close()
  })
})
