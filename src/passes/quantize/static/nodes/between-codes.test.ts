import { expect, test } from 'vitest'
import { decibels, inIntegers, kernelsOf, modelWith, randomValue, runOnce } from '../../../../../tests/quantize-kit.ts'
import { tensorOf, tensorValues } from '../../../../ir/index.ts'

const GRAPHS = {
  Add: 'h = Conv(x, w) g = Conv(x, v) m = Add(h, g) y = Conv(m, w)',
  AveragePool: 'h = Conv(x, w) m = AveragePool<kernel_shape = [2, 2]>(h) y = Conv(m, w)',
  Sigmoid: 'h = Conv(x, w) m = Sigmoid(h) y = Conv(m, w)',
  Mul: 'h = Conv(x, w) g = Conv(x, v) m = Mul(h, g) r = Relu(m) y = Conv(r, w)',
}

test.each(Object.entries(GRAPHS))('%s kept in float between codes runs in float', async (name, body) => {
  const model = modelWith(`g (float[1,8,6,6] x) => (float y) { ${body} }`, { w: [8, 8, 1, 1], v: [8, 8, 1, 1] })
  const feeds = { x: randomValue([1, 8, 6, 6], 3) }
  const quantized = async (keepFloat: readonly string[]) => (await inIntegers(model, feeds, { keepFloat })).model
  const integer = `QLinear${name}`
  expect(await kernelsOf(await quantized([]))).toHaveProperty(integer)
  const kept = await quantized([name])
  const kernels = await kernelsOf(kept)
  expect(kernels).not.toHaveProperty(integer)
  expect(kernels).toMatchObject({ [name]: 1 })
  const [before, now] = [(await runOnce(model, feeds)).y!.data, (await runOnce(kept, feeds)).y!.data] as Float32Array[]
  for (const [i, value] of before!.entries()) expect(Math.abs(now![i]! - value)).toBeLessThan(0.05)
})

const PRODUCTS: Readonly<
  Record<string, { body: string; x: readonly number[]; weights: Record<string, readonly number[]> }>
> = {
  Conv: {
    body: 'h = Conv(x, w) [kept] m = Conv<group = 8>(h, d) r = Relu(m) y = Conv(r, w)',
    x: [1, 8, 6, 6],
    weights: { w: [8, 8, 1, 1], d: [8, 1, 3, 3] },
  },
  ConvTranspose: {
    body: 'h = Conv(x, w) [kept] m = ConvTranspose(h, d) r = Relu(m) y = Conv(r, w)',
    x: [1, 8, 6, 6],
    weights: { w: [8, 8, 1, 1], d: [8, 8, 2, 2] },
  },
  Gemm: {
    body: 'h = Gemm(x, w) [kept] m = Gemm<transB = 1>(h, d) y = Gemm(m, w)',
    x: [3, 8],
    weights: { w: [8, 8], d: [8, 8] },
  },
}

/** A model whose product named kept has weights of unlike sizes, quantized but for that one. */
async function withProductKept({ body, x, weights }: (typeof PRODUCTS)[string]) {
  const model = modelWith(`g (float[${x}] x) => (float y) { ${body} }`, weights)
  const product = model.graph.initializers.get('d')!
  const values = Float32Array.from(tensorValues(product) as Float32Array, (value, i) => value * (i === 0 ? 100 : 1))
  const initializers = new Map(model.graph.initializers).set('d', tensorOf('float32', product.dims, values, 'd'))
  const unlike = { ...model, graph: { ...model.graph, initializers } }
  const feeds = { x: randomValue(x, 3) }
  return { kept: (await inIntegers(unlike, feeds, { keepFloat: ['kept'] })).model, feeds }
}

test.each(Object.entries(PRODUCTS))(
  'the runtime does not round the weights of a %s kept in float',
  async (_, graph) => {
    const { kept, feeds } = await withProductKept(graph)
    const [asWritten, asRun] = [await runOnce(kept, feeds, 'disabled'), await runOnce(kept, feeds, 'all')]
    expect(decibels(asWritten.y!, asRun.y!)).toBeGreaterThan(60)
  },
)

// Releases 1.20 and 1.21 do not ask what stands behind.
test('a float convolution reads codes under scales of channels, whatever stands behind it', async () => {
  const body = 'h = Conv(x, w) [kept] m = Conv<group = 8>(h, d) [other] n = Conv<group = 8>(h, d) y = Add(m, n)'
  const { x, weights } = PRODUCTS.Conv!
  const model = modelWith(`g (float[${x}] x) => (float y) { ${body} }`, weights)
  const { graph } = (await inIntegers(model, { x: randomValue(x, 3) }, { keepFloat: ['kept', 'other', 'Add'] })).model
  const named = (name: string) => graph.nodes.find((node) => node.name === name)!
  const makers = ['kept', 'other'].map((name) => graph.nodes.find((n) => n.outputs[0] === named(name).inputs[0])!)
  expect(makers[0]).toBe(makers[1])
  expect(graph.initializers.get(makers[0]!.inputs[1]!)!.dims).toEqual([8])
})
