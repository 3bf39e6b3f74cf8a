import { expect, test } from 'vitest'
import { type Model, toNumbers } from '../src/ir/index.ts'
import { modelBytes } from '../src/onnx/index.ts'
import { passes, productSafety, tuningForm } from '../src/passes/index.ts'
import type { Evidence } from '../src/rewrite/index.ts'
import { kernelsOf, modelWith, randomValue, rangesOf, runOnce } from './quantize-kit.ts'

const network = modelWith(
  `g (float[1,16,12,12] x) => (float y) { c = Conv<pads = [1,1,1,1]>(x, w, b) r = Relu(c)
     d = Conv<pads = [1,1,1,1], group = 32>(r, k) p = GlobalAveragePool(d) f = Flatten(p) y = Gemm<transB = 1>(f, v, a) }`,
  { w: [32, 16, 3, 3], b: [32], k: [32, 1, 3, 3], v: [10, 32], a: [10] },
)
const feeds = { x: randomValue([1, 16, 12, 12], 3) }

async function inCodes(model: Model, weightBits: 4 | 8, more: readonly Evidence[] = [], rounding = 'sums') {
  const evidence = [{ report: await rangesOf(network, feeds) }, ...more]
  const options = { placement: 'everywhere', rounding, weightBits }
  return passes.quantizeStaticInt8!.run(model, options as never, evidence)
}

test('weights of four bits: the same integer kernels from a smaller file, codes from -7 to 7', async () => {
  const [eight, four] = [(await inCodes(network, 8)).model, (await inCodes(network, 4)).model]
  expect(await kernelsOf(four)).toEqual(await kernelsOf(eight))
  expect(modelBytes(four)).toBeLessThan(modelBytes(eight) - 0.4 * (32 * 16 * 9 + 32 * 9 + 320))
  const narrow = [...four.graph.initializers.values()].filter(({ dtype }) => dtype === 'int4')
  expect(narrow.map(({ dims }) => dims)).toEqual([
    [32, 16, 3, 3],
    [32, 1, 3, 3],
    [10, 32],
  ])
  for (const codes of narrow) expect(Math.max(...toNumbers(codes).map(Math.abs))).toBe(7)
  const exact = (await runOnce(network, feeds)).y!.data as Float32Array
  const worst = async (model: Model) => {
    const answers = (await runOnce(model, feeds)).y!.data as Float32Array
    return Math.max(...answers.map((value, i) => Math.abs(value - exact[i]!)))
  }
  const spread = Math.max(...exact) - Math.min(...exact)
  expect(await worst(four)).toBeLessThan(0.25 * spread)
  expect(await worst(four)).toBeGreaterThan(await worst(eight))
})

test('no two codes of four bits leave 16 bits, and the proof sees them', async () => {
  const safety = productSafety((await inCodes(network, 4)).model)
  expect(safety.map(({ form, unsafe }) => [form, unsafe.length])).toEqual([
    ['reduced', 0],
    ['exact', 0],
    ['reduced', 0],
  ])
})

test('an operator set without int4 is refused', async () => {
  const old = { ...network, opsets: new Map([['', 20]]) }
  const { model, report } = await inCodes(old, 4)
  expect(model).toBe(old)
  expect(report.refused[0]!.reason).toMatch(/no int4.*upgrade the model to 21/)
})

test('what was learned of weights is held within four bits', async () => {
  const scales = new Float32Array(32).fill(0.05)
  const ref = { digest: 'sha256:scales', dtype: 'float32', dims: [32] }
  const learned = {
    report: { kind: 'learned-weights', version: 1, samples: 1, dataDigest: '', weights: { w: { scales: ref } } },
    tensors: new Map([['sha256:scales', scales]]),
  } as unknown as Evidence
  const { model } = await inCodes(network, 4, [learned], 'learned')
  const codes = [...model.graph.initializers.values()].find(({ dims }) => dims.join() === '32,16,3,3')!
  const weights = toNumbers(network.graph.initializers.get('w')!)
  for (const [i, code] of toNumbers(codes).entries())
    expect(Math.abs(code - Math.min(7, Math.max(-7, weights[i]! / 0.05)))).toBeLessThanOrEqual(0.5 + 1e-6)
})

test('tuning rounds to the same codes', async () => {
  const evidence = [{ report: await rangesOf(network, feeds) }]
  const options = { placement: 'everywhere', rounding: 'learned', weightBits: 4 } as const
  const form = tuningForm(network, options, evidence, () => 1)
  const most = form.model.graph.initializers.get('tuning/most')!
  expect([...toNumbers(most)]).toEqual([7])
})
