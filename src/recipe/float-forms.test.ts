import { expect, test } from 'vitest'
import { modelWith } from '../../tests/quantize-kit.ts'
import { memoryDataset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import { noCache } from './evidence/evidence-cache.ts'
import { FloatForms } from './float-forms.ts'
import type { TimeForms } from './quantize/float-form-choice.ts'
import { quantizeSteps } from './quantize/quantize-steps.ts'
import { advanceAll, type Trail } from './trail.ts'

const attention = (attributes: string) =>
  modelWith(`g (float[N,6,32] x) => (float y) { y = com.microsoft.Attention<${attributes}>(x, w, b) }`, {
    w: [32, 96],
    b: [96],
  })

async function formsOf(model: Model, time: TimeForms = async () => null): Promise<FloatForms> {
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [1, 6, 32], data: new Float32Array(6 * 32) } })
  const options = { target: 'native', seed: 0, cache: noCache } as const
  return new FloatForms(model, { data, indices: [] }, options, null, time)
}

test('products are looked for where candidates have them: an attention that cannot be taken apart has none', async () => {
  const parted = await formsOf(attention('num_heads = 4'))
  expect((await parted.forProducts()).graph.nodes.map(({ opType }) => opType)).toContain('MatMul')
  expect(await parted.hasProducts()).toBe(true)
  const fused = await formsOf(attention('num_heads = 4, unidirectional = 1'))
  expect((await fused.forProducts()).graph.nodes.map(({ opType }) => opType)).toEqual(['Attention'])
  expect(await fused.hasProducts()).toBe(false)
})

/** How many channels the convolutions of a model make. */
const channels = ({ model: { graph } }: Trail) =>
  graph.nodes.filter(({ opType }) => opType === 'Conv').map(({ inputs }) => graph.initializers.get(inputs[1]!)!.dims[0])

const broken = modelWith(
  `g (float[1,3,6,5] x) => (float y) {
     a = Conv(x, w) b = Relu(a) c = Conv(b, v) d = Relu(c) y = Conv(d, u) }`,
  { w: [20, 3, 1, 1], v: [20, 20, 1, 1], u: [5, 20, 1, 1] },
)

const static8 = { scheme: 'static-int8' } as const

/** The form with what runs behind the integers of a candidate that left all of it in float. */
async function keptInFloat(forms: FloatForms): Promise<Trail> {
  const fill = await forms.fillBehind(static8)
  const [, ...behind] = quantizeSteps({ ...static8, target: 'native', saturates: false, fill }, [])
  return advanceAll(await forms.of(static8), behind)
}

test('blocks that float fills are not filled in integers, whose kernels would multiply every zero, but behind them', async () => {
  const forms = await formsOf(broken, async (timed) => timed.map((_, i) => 1 / (i + 1)))
  expect(channels(await forms.of({}))).toEqual([32, 32, 5])
  expect(channels(await forms.of({ scheme: 'dynamic-int8' }))).toEqual([32, 32, 5])
  expect(channels(await forms.of(static8))).toEqual([20, 20, 5])
  expect(channels(await keptInFloat(forms))).toEqual([32, 32, 5])
  expect(await forms.fillBehind({ scheme: 'dynamic-int8' })).toEqual([])
})

test('where blocks were not measured to pay, none are filled behind integers', async () => {
  const forms = await formsOf(broken, async (timed) => timed.map((_, i) => 1 + i))
  expect(channels(await keptInFloat(forms))).toEqual([20, 20, 5])
})
