import { describe, expect, test } from 'vitest'
import { type Feeds, reference, type TensorValue } from '../src/engine/index.ts'
import { type Model, parseModel, type Tensor, tensorOf } from '../src/ir/index.ts'
import { passes } from '../src/passes/index.ts'
import { simplify } from '../src/recipe/index.ts'
import type { PassRun } from '../src/report/index.ts'
import { decibels, modelWith, numbers, randomTensor, randomValue, rangesOf, runOnce } from './quantize-kit.ts'

/**
 * What users of other tools reported as silently wrong (numbers are issues of microsoft/onnxruntime), held against what
 * Whetstone writes: the answer is right with the runtime's optimizations off and on, or the node is refused with a
 * reason.
 */
const HEAD = '<ir_version: 9, opset_import: ["" : 19]>'

const value = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
})

async function quantized(
  scheme: 'quantizeStaticInt8' | 'quantizeDynamicInt8' | 'quantizeWeights',
  model: Model,
  feeds: Feeds,
  options: object = {},
): Promise<{ model: Model; report: PassRun }> {
  const evidence = scheme === 'quantizeStaticInt8' ? [{ report: await rangesOf(model, feeds) }] : []
  return passes[scheme]!.run(model, options as never, evidence)
}

/** A quantized model is right: near the float one, and the same with the runtime's optimizations off. */
async function expectRight(before: Model, after: Model, feeds: Feeds, db: number): Promise<void> {
  expect(after).not.toBe(before)
  const truth = (await runOnce(before, feeds)).y!
  const all = (await runOnce(after, feeds)).y!
  expect(decibels(truth, all)).toBeGreaterThan(db)
  expect(decibels((await runOnce(after, feeds, 'disabled')).y!, all)).toBeGreaterThan(db)
}

/** A model that came quantized keeps its answer, whatever the runtime makes of it. */
async function expectKept(model: Model, feeds: Feeds, wanted: readonly number[]): Promise<void> {
  const { model: lossless } = await simplify(model, { verify: false })
  const exact = (await (await reference.open(model)).run(feeds)).y!
  const near = wanted.map((number) => expect.closeTo(number, 5))
  expect([...(exact.data as Float32Array)]).toEqual(near)
  for (const level of ['disabled', 'all'] as const)
    expect([...((await runOnce(lossless, feeds, level)).y!.data as Float32Array)]).toEqual(near)
}

/** Columns (axis 1) or rows (axis 0) of very different size: the wrong axis for their scales would ruin them. */
function uneven(dims: readonly number[], axis: number, name: string): Tensor {
  const next = numbers(dims.length * 100 + axis)
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const count = dims.reduce((product, dim) => product * dim, 1)
  const size = (i: number) => 10 ** (-3 * ((Math.floor(i / inner) % dims[axis]!) / dims[axis]!))
  return tensorOf(
    'float32',
    dims,
    Float32Array.from({ length: count }, (_, i) => next() * size(i)),
    name,
  )
}

function withWeights(model: Model, ...tensors: readonly Tensor[]): Model {
  const initializers = new Map(model.graph.initializers)
  for (const tensor of tensors) initializers.set(tensor.name, tensor)
  return { ...model, graph: { ...model.graph, initializers } }
}

/** Greatest error of any output column, relative to what that column holds: small columns count as much as large. */
function worstColumn(truth: TensorValue, given: TensorValue, axis: number): number {
  const [a, b] = [truth.data as Float32Array, given.data as Float32Array]
  const inner = truth.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const error = new Map<number, [noise: number, signal: number]>()
  a.forEach((x, i) => {
    const column = Math.floor(i / inner) % truth.dims[axis]!
    const [noise, signal] = error.get(column) ?? [0, 0]
    error.set(column, [Math.max(noise, Math.abs(x - b[i]!)), Math.max(signal, Math.abs(x))])
  })
  return Math.max(...[...error.values()].map(([noise, signal]) => noise / signal))
}

const OPTIONS = {
  quantizeStaticInt8: { placement: 'all' },
  quantizeDynamicInt8: {},
  quantizeWeights: { bits: 8 },
} as const
const SCHEMES = ['quantizeDynamicInt8', 'quantizeWeights'] as const

describe('#28130: a Gemm with alpha in Quantize and Dequantize nodes', () => {
  test('one that came so keeps its answer', async () => {
    const model = parseModel(`${HEAD} g (float[1,4] x) => (float[1,3] y)
      <float s = {0.05}, uint8 z = {128}, int8[4,3] w = {10,-20,30,40,50,-60,70,-80,90,100,-110,120}, float ws = {0.02},
       int8 wz = {0}, int32[3] b = {1000,-2000,1500}, float bs = {0.001}, int32 bz = {0}, float ys = {0.05}, uint8 yz = {128}> {
      xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z) wd = DequantizeLinear(w, ws, wz)
      bd = DequantizeLinear(b, bs, bz) r = Gemm<alpha = 2.0>(xd, wd, bd) q = QuantizeLinear(r, ys, yz)
      y = DequantizeLinear(q, ys, yz) }`)
    // 2 · x · W + b, by hand: x · W = [1.65, −2.2, 2.425].
    await expectKept(model, { x: value([1, 4], [0.5, -1, 0.25, 1]) }, [4.3, -6.4, 6.35])
  })

  for (const scheme of ['quantizeStaticInt8', ...SCHEMES] as const)
    test(`one of ours (${scheme}) has alpha and beta inside its weights and bias`, async () => {
      const text = 'g (float[4,64] x) => (float y) { y = Gemm<alpha = 2.0, beta = 0.5>(x, w, b) }'
      const before = withWeights(modelWith(text, { w: [64, 64] }), randomTensor([64], 3, 4, 'b'))
      const feeds = { x: randomValue([4, 64], 4) }
      const { model } = await quantized(scheme, before, feeds, OPTIONS[scheme])
      await expectRight(before, model, feeds, 30)
    })
})

describe('#28448: a linear Resize between Quantize and Dequantize', () => {
  test('one that came so keeps its answer', async () => {
    const model = parseModel(`${HEAD} g (float[1,1,1,4] x) => (float[1,1,1,6] y)
      <int64[4] sizes = {1,1,1,6}, float s = {1.0}, int8 z = {0}> {
      xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z)
      r = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(xd, , , sizes)
      q = QuantizeLinear(r, s, z) y = DequantizeLinear(q, s, z) }`)
    // Half-pixel places −1/6, 1/2, 7/6, 11/6, 5/2, 19/6 of [2, 5, 6, 4], rounded half to even.
    await expectKept(model, { x: value([1, 1, 1, 4], [2, 5, 6, 4]) }, [2, 4, 5, 6, 5, 4])
  })

  test('ours stays in float, with its reason', async () => {
    const text = `g (float[1,16,8,8] x) => (float y) { a = Conv(x, w) s = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>()
      r = Resize<mode = "linear">(a, , s) y = Conv(r, v) }`
    const before = modelWith(text, { w: [16, 16, 3, 3], v: [16, 16, 3, 3] })
    const feeds = { x: randomValue([1, 16, 8, 8], 4) }
    const { model, report } = await quantized('quantizeStaticInt8', before, feeds, { placement: 'all' })
    expect(report.refused).toContainEqual({ node: 'r', reason: 'interpolation "linear" has no integer kernel' })
    await expectRight(before, model, feeds, 28)
  })
})

test('#28491: negative int8 constants behind DequantizeLinear and Reshape stay negative', async () => {
  const model = parseModel(`${HEAD} g (float[2,2] x) => (float[2,2] y)
    <int8[4] w = {12,-45,7,-3}, float s = {0.02}, int64[2] shape = {2,2}> {
    wf = DequantizeLinear(w, s) v = Reshape(wf, shape) y = Add(x, v) }`)
  await expectKept(model, { x: value([2, 2], [0, 0, 0, 0]) }, [0.24, -0.9, 0.14, -0.06])
})

describe('#28551: MatMulNBits with blocks of 512 answers zeros', () => {
  const before = modelWith('g (float[3,1024] x) => (float y) { y = MatMul(x, w) }', { w: [1024, 64] })
  const feeds = { x: randomValue([3, 1024], 4) }

  test('such blocks are refused', async () => {
    for (const bits of [4, 8]) {
      const { model, report } = await quantized('quantizeWeights', before, feeds, { bits, block: 512 })
      expect(model).toBe(before)
      expect(report.refused[0]!.reason).toBe('no kernel takes a block of 512: 16, 32, 64, 128, 256 are taken')
    }
  })

  test('the others are right', async () => {
    for (const block of [16, 32, 64, 128, 256])
      for (const bits of [4, 8] as const) {
        const { model } = await quantized('quantizeWeights', before, feeds, { bits, block })
        await expectRight(before, model, feeds, bits === 8 ? 35 : 12)
      }
  })
})

describe('#25489: weights of three dimensions with one scale a channel load and then cannot run', () => {
  const before = modelWith('g (float[3,5,64] x) => (float y) { y = MatMul(x, w) }', { w: [3, 64, 64] })
  const feeds = { x: randomValue([3, 5, 64], 4) }

  test('dynamic and weight-only refuse them', async () => {
    for (const scheme of SCHEMES) {
      const { model, report } = await quantized(scheme, before, feeds, { bits: 4 })
      expect(model).toBe(before)
      expect(report.refused).toEqual([{ node: 'y', reason: 'its weights have 3 dimensions, not two' }])
    }
  })

  test('static gives them one scale, and runs', async () => {
    const { model } = await quantized('quantizeStaticInt8', before, feeds, { placement: 'all' })
    await expectRight(before, model, feeds, 30)
  })
})

describe('#29849: accuracy level 4 chooses another token where one activation is massive', () => {
  // The first channel dwarfs the others, as attention sinks do; the answer hangs on the others.
  const width = 64
  const rows = 32
  const next = numbers(5)
  const x = Float32Array.from({ length: rows * width }, (_, i) => (i % width === 0 ? 900 : next()))
  const feeds = { x: { dtype: 'float32' as const, dims: [rows, width], data: x } }
  /** Weights that codes of so many bits hold exactly: every block of 16 rows reaches from −1 to the largest code. */
  const modelOf = (bits: number) => {
    const codes = 2 ** (bits - 1)
    const weights = Float32Array.from({ length: width * width }, (_, i) => {
      const row = Math.floor(i / width)
      if (row === 0) return 0
      return row % 16 === 1 ? -1 : row % 16 === 2 ? 1 - 1 / codes : Math.round(next() * (codes - 1)) / codes
    })
    return withWeights(
      modelWith('g (float[32,64] x) => (float y) { y = MatMul(x, w) }', { w: [width, width] }),
      tensorOf('float32', [width, width], weights, 'w'),
    )
  }
  const top = ({ data }: TensorValue) =>
    Array.from({ length: rows }, (_, row) => {
      const scores = [...(data as Float32Array).subarray(row * width, (row + 1) * width)]
      return scores.indexOf(Math.max(...scores))
    })
  const flips = async (options: { readonly bits: number; readonly accuracyLevel?: number }) => {
    const before = modelOf(options.bits)
    const { model, report } = await quantized('quantizeWeights', before, feeds, { block: 16, ...options })
    const [truth, given] = [top((await runOnce(before, feeds)).y!), top((await runOnce(model, feeds)).y!)]
    return { count: truth.filter((token, row) => token !== given[row]).length, report }
  }

  test('ours computes in float unless asked, and says which', async () => {
    const float = await flips({ bits: 8 })
    expect(float.count).toBe(0)
    expect(float.report.notes).toContainEqual(expect.stringContaining('accuracy level 0'))
    expect(float.report.notes).toContainEqual(expect.stringContaining('in 8 bits the native runtime has no kernel'))
    expect((await flips({ bits: 4 })).count).toBe(0)
    // In 8 bits kernels without VNNI compute in float at this level too; in 4 none does.
    const integer = await flips({ bits: 4, accuracyLevel: 4 })
    expect(integer.count).toBeGreaterThan(0)
    expect(integer.report.notes).toContainEqual(expect.stringContaining('accuracy level 4'))
  })
})

describe('#24711: a convolution whose bias has a scale of its own', () => {
  test('one that came so keeps its answer', async () => {
    const model = parseModel(`${HEAD} g (float[1,1,3,3] x) => (float[1,2,1,1] y)
      <float s = {0.01}, uint8 z = {128}, int8[2,1,3,3] w = {10,-20,30,40,50,-60,70,-80,90,100,-110,120,1,2,3,4,5,6},
       float ws = {0.02}, int8 wz = {0}, int32[2] b = {1000,-2000}, float bs = {0.001}, int32 bz = {0}, float ys = {0.05},
       uint8 yz = {128}> {
      xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z) wd = DequantizeLinear(w, ws, wz)
      bd = DequantizeLinear(b, bs, bz) r = Conv(xd, wd, bd) q = QuantizeLinear(r, ys, yz) y = DequantizeLinear(q, ys, yz) }`)
    // Sums of products 1.13 and 4.294, biases 1 and −2, rounded to steps of 0.05.
    const x = value([1, 1, 3, 3], [0.5, -1, 0.25, 1, 0.3, 0.2, -0.1, 0.9, 0.6])
    const exact = [0, 1].map((m) => {
      const w = [10, -20, 30, 40, 50, -60, 70, -80, 90, 100, -110, 120, 1, 2, 3, 4, 5, 6].slice(m * 9, m * 9 + 9)
      const sum = w.reduce((total, code, i) => total + code * 0.02 * (x.data as Float32Array)[i]!, 0)
      return Math.round((sum + [1, -2][m]!) / 0.05) * 0.05
    })
    await expectKept(model, { x }, exact)
  })

  test('ours is right with a bias far larger than the products', async () => {
    const before = withWeights(
      modelWith('g (float[1,16,8,8] x) => (float y) { y = Conv(x, w, b) }', { w: [16, 16, 3, 3] }),
      randomTensor([16], 3, 50, 'b'),
    )
    const feeds = { x: randomValue([1, 16, 8, 8], 4) }
    const { model } = await quantized('quantizeStaticInt8', before, feeds, { placement: 'all' })
    await expectRight(before, model, feeds, 40)
  })
})

describe('square weights, whose channels no size tells apart', () => {
  const products = {
    MatMul: ['g (float[4,64] x) => (float y) { y = MatMul(x, w) }', [64, 64], 1, [4, 64]],
    Gemm: ['g (float[4,64] x) => (float y) { y = Gemm(x, w) }', [64, 64], 1, [4, 64]],
    'Gemm, transposed': ['g (float[4,64] x) => (float y) { y = Gemm<transB = 1>(x, w) }', [64, 64], 0, [4, 64]],
    Conv: ['g (float[1,32,6,6] x) => (float y) { y = Conv(x, w) }', [32, 32, 3, 3], 0, [1, 32, 6, 6]],
  } as const
  for (const [name, [text, dims, axis, input]] of Object.entries(products))
    for (const scheme of ['quantizeStaticInt8', ...SCHEMES] as const)
      test(`${name}, ${scheme}: every output channel is right, small ones too`, async () => {
        const before = withWeights(modelWith(text, { w: dims }), uneven(dims, axis, 'w'))
        const feeds = { x: randomValue(input, 4) }
        const { model, report } = await quantized(scheme, before, feeds, OPTIONS[scheme])
        if (scheme === 'quantizeDynamicInt8' && name === 'Conv') {
          expect(model).toBe(before)
          expect(report.refused).toHaveLength(1)
          return
        }
        if (name === 'Conv' && scheme === 'quantizeWeights') expect(report.refused).toEqual([])
        // Integer outputs have one step for all channels, so static is held to the weights alone: its products in float.
        const truth = (await runOnce(before, feeds)).y!
        const given = (await runOnce(model, feeds)).y!
        const step = scheme === 'quantizeStaticInt8' && name === 'Conv' ? 1 / 255 : 0
        if (step > 0) expect(decibels(truth, given)).toBeGreaterThan(35)
        else expect(worstColumn(truth, given, 1)).toBeLessThan(0.05)
      })
})

test('a Gemm bias is coded in input scale times weight scale, with alpha and beta in it', async () => {
  for (const [attributes, transposed] of [
    ['alpha = 0.25, beta = 3.0', false],
    ['alpha = 4.0, beta = 0.5, transB = 1', true],
    ['beta = 0.0', false],
  ] as const) {
    const text = `g (float[4,64] x) => (float y) { y = Gemm<${attributes}>(x, w, b) }`
    const dims = [64, 64]
    const before = withWeights(
      modelWith(text, { w: dims }),
      uneven(dims, transposed ? 0 : 1, 'w'),
      randomTensor([64], 3, 2, 'b'),
    )
    const feeds = { x: randomValue([4, 64], 4) }
    for (const scheme of ['quantizeStaticInt8', ...SCHEMES] as const) {
      const { model } = await quantized(scheme, before, feeds, OPTIONS[scheme])
      await expectRight(before, model, feeds, 30)
    }
  }
})

test('one row of positions that a caller gives for many rows is repeated as before, though both sizes have one name', async () => {
  const cases = [
    // Rotary embeddings, which are then one operator.
    `g (float[N,2,S,4] x, int64[N,S] p) => (float y)
      <int64[1] one = {1}, int64[1] zero = {0}, int64[1] two = {2}, int64[1] three = {3}, int64[1] end = {9}, float[1,2,1] rates = {1, 0.1}> {
      u = Unsqueeze(p, one) f = Cast<to = 1>(u) m = MatMul(rates, f) t = Transpose<perm = [0, 2, 1]>(m)
      e = Concat<axis = -1>(t, t) co = Cos(e) si = Sin(e) cos = Unsqueeze(co, one) sin = Unsqueeze(si, one)
      a = Slice(x, zero, two, three) b = Slice(x, two, end, three) n = Neg(b) r = Concat<axis = 3>(n, a)
      xc = Mul(x, cos) rs = Mul(r, sin) y = Add(xc, rs) }`,
    // An Expand that the file brings, in front of what repeats nothing by itself.
    `g (float[N,2,S,4] x, int64[N,S] p) => (float y) <int64[1] row = {0}, int64[1] place = {2}, int64[2] last = {1, 3}> {
      s = Shape(x) n = Gather(s, row) k = Gather(s, place) t = Concat<axis = 0>(n, k) w = Expand(p, t) f = Cast<to = 1>(w)
      m = ReduceMean(x, last) m2 = Squeeze(m, last) y = Concat<axis = 0>(f, m2) }`,
  ]
  for (const text of cases) {
    const before = parseModel(`<ir_version: 9, opset_import: ["" : 18]> ${text}`)
    const after = (await simplify(before)).model
    for (const rows of [3, 1]) {
      const p: TensorValue = {
        dtype: 'int64',
        dims: [rows, 5],
        data: BigInt64Array.from({ length: rows * 5 }, (_, i) => BigInt((i * 3) % 7)),
      }
      const feeds = { x: randomValue([3, 2, 5, 4], 7), p }
      expect(decibels((await runOnce(before, feeds)).y!, (await runOnce(after, feeds)).y!)).toBeGreaterThan(100)
    }
  }
})
