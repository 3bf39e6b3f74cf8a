import { expect, test } from 'vitest'
import { openIsolated } from '../src/engine/index.ts'
import { quantize, simplify } from '../src/index.ts'
import { type Model, parseModel, printModel } from '../src/ir/index.ts'
import { lowerOpset, opsetFor } from '../src/onnx/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

const pooled = (opset: number, attributes = '', more = '') =>
  parseModel(`<ir_version: 9, opset_import: ["" : ${opset}]> g (float[1,3,9,9] x) => (float[N,C,H,W] y)
    { a = Relu(x) p = AveragePool<kernel_shape = [3,3], strides = [2,2]${attributes}>(a) ${more || 'y = Neg(p)'} }`)

async function answer(model: Model) {
  const session = await openIsolated(model)
  try {
    const { y } = await session.run({ x: randomValue([1, 3, 9, 9], 5) })
    return [...(y!.data as Float32Array)]
  } finally {
    await session.close()
  }
}

test('a model that averages over windows is declared as of set 18, and answers the same', async () => {
  for (const attributes of ['', ', pads = [1,1,1,1], count_include_pad = 1', ', dilations = [1,1]']) {
    const model = pooled(21, attributes)
    const { model: lowered, report } = lowerOpset(model)
    expect(report).toMatchObject({ applied: 1, refused: [] })
    expect(lowered.opsets.get('')).toBe(18)
    expect(printModel(lowered)).not.toContain('dilations')
    const exact = await answer(model)
    // The two kernels add in another order.
    for (const [i, value] of (await answer(lowered)).entries()) expect(value).toBeCloseTo(exact[i]!, 6)
    expect(lowerOpset(lowered).model).toBe(lowered)
  }
})

test('a model is declared as of the oldest set in which it means the same, and of its IR version', () => {
  const lowest = (body: string) => {
    const { opsets, irVersion } = lowerOpset(
      parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[2,4] x) => (float[A,B] y) { ${body} }`),
    ).model
    return [opsets.get(''), irVersion]
  }
  expect(lowest('y = Abs(x)')).toEqual([18, 8])
  expect(lowest('h = Gelu(x) y = Abs(h)')).toEqual([20, 9])
  expect(lowest('h = Cast<to = 22>(x) y = Cast<to = 1>(h)')).toEqual([21, 10])
  const blocks = '<float[1,2] s = {0.02, 0.02}, uint8[1,2] z = {3, 3}>'
  const blocked = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[2,2] x) => (float[2,2] y) ${blocks}
    { q = QuantizeLinear<axis = 0, block_size = 2>(x, s, z) y = DequantizeLinear<axis = 0, block_size = 2>(q, s, z) }`)
  expect(lowerOpset(blocked).model).toBe(blocked)
})

test('what is of an older set already is left as it is', () => {
  const model = parseModel('<ir_version: 10, opset_import: ["" : 18]> g (float[2] x) => (float[2] y) { y = Abs(x) }')
  expect(lowerOpset(model)).toMatchObject({ model, report: { applied: 0, refused: [] } })
})

test.each([
  ['a pool and an operator that came later', pooled(20, '', 'y = Gelu(p)'), /Gelu of operator set 20 is another one/],
  [
    'a type that came later',
    pooled(21, '', 'h = Cast<to = 10>(p) k = Cast<to = 22>(h) y = Cast<to = 1>(k)'),
    /set 20 would not do/,
  ],
  [
    'an operator that means something else',
    parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[1,4,6,6] x, float[4] s) => (float[N,C,H,W] y)
      { p = AveragePool<kernel_shape = [2,2]>(x) y = GroupNormalization<num_groups = 2>(p, s, s) }`),
    /GroupNormalization of operator set 21/,
  ],
  ['a newer set than passes write for', pooled(22), /AveragePool of operator set 22/],
  ['a cut window', pooled(19, ', ceil_mode = 1'), /counts windows at the end otherwise/],
  ['spread windows', pooled(19, ', dilations = [2,2]'), /no spread windows/],
])('%s is left as it is, with the reason', (_, model, reason) => {
  const { model: same, report } = lowerOpset(model)
  expect(same).toBe(model)
  expect(report.refused[0]!.reason).toMatch(reason)
})

test('an older model with such a pool is brought to the set with the fast kernel, others to the newest', async () => {
  expect([7, 13, 18, 20].map((opset) => opsetFor(pooled(opset)))).toEqual([18, 18, 18, 21])
  const { model, report } = await simplify(pooled(13, ', ceil_mode = 1'))
  expect(model.opsets.get('')).toBe(18)
  expect(report.equivalence!.maxAbs).toBe(0)
  expect(report.after.runtime).toEqual({ release: '1.15', because: ['IR version 9'] })
  expect((await simplify(pooled(20))).model.opsets.get('')).toBe(18)
  expect((await simplify(pooled(21, ', ceil_mode = 1'))).model.opsets.get('')).toBe(20)
})

test.each([13, 19, 20])(
  'signed codes of activations stay loadable where they are moved, from set %i',
  async (opset) => {
    const signed = modelWith(
      `g (float[N,3,8,8] x) => (float[A,B,C,D] y)
     <float s = {0.02}, float r = {0.01}, int8 z = {3}>
     { xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z)
       t = Transpose<perm = [0,2,3,1]>(xd) y = MatMul(t, w) }`,
      { w: [3, 5] },
    )
    const model = { ...signed, opsets: new Map([['', opset]]) }
    const { model: simple, report } = await simplify(model)
    expect(simple.opsets.get('')).toBe(18)
    expect(report.equivalence!.maxAbs).toBeLessThan(1e-5)
  },
)

test('unsigned codes, and signed ones of weights, are brought to the newest set', () => {
  const model = parseModel(`<ir_version: 7, opset_import: ["" : 13]> g (float[2,2] x) => (float[2,2] y)
    <float s = {0.02}, uint8 z = {3}, int8[2,2] w = {1,2,3,4}>
    { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, s) y = MatMul(d, v) }`)
  expect(opsetFor(model)).toBe(21)
})

test('weights that are stored in 4 bits need the newest set and get it', async () => {
  const network = modelWith(
    `g (float[1,64,9,9] x) => (float[N,C,H,W] y) { c = Conv<pads = [1,1,1,1]>(x, w)
      y = AveragePool<kernel_shape = [3,3], strides = [2,2]>(c) }`,
    { w: [32, 64, 3, 3] },
  )
  const old = { ...network, opsets: new Map([['', 13]]) }
  const { model } = await quantize(old, { scheme: 'weight-int4', stored: true })
  expect(model.opsets.get('')).toBe(21)
  expect([...model.graph.initializers.values()].some(({ dtype }) => /int4/.test(dtype))).toBe(true)
})

test.each([
  ['float64', 16, 'PRelu(x, s)'],
  ['float64', 18, 'Mish(x)'],
  ['int64', 18, 'Relu(x)'],
])('%s of set %i is brought no further than the runtime still writes %s out', async (dtype, opset, call) => {
  const spelt = dtype === 'float64' ? 'double' : dtype
  const model = parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]>
    g (${spelt}[4] x) => (${spelt}[4] y) <${spelt}[1] s = {2}> { a = ${call} y = Identity(a) }`)
  const { model: simple, report } = await simplify(model)
  expect(simple.opsets.get('')).toBe(18)
  expect(report.equivalence!.maxAbs).toBe(0)
})
