import { beforeAll, describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, type Model } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, distil, type QuantizeOptions, quantize } from '../src/recipe/index.ts'
import type { LearnedWeightsReport } from '../src/report/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { reportIn } from './schema.ts'
import { bandedPictures, seeded } from './seeded-network.ts'

const ROWS = 256
const LEARNED = 160
const { x, labels } = bandedPictures(ROWS)
const shown = (rows: number) =>
  ({ ...x, dims: [rows, ...x.dims.slice(1)], data: x.data.subarray(0, rows * 36) }) as const
const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1, 6, 6] }] as const

/** A residual network. */
const network = () =>
  seeded(
    `g (float[N,1,6,6] x) => (float[N,4] logits) <WEIGHTS>
    { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)
      c = Conv<pads: ints = [1,1,1,1]>(s, w2)  d = Add(c, r)  e = Relu(d)  f = Conv<pads: ints = [1,1,1,1]>(e, w3)
      h = Relu(f)  p = GlobalAveragePool(h)  q = Flatten(p)  logits = Gemm<transB: int = 1>(q, w4, b4) }`,
    { w0: [16, 1, 3, 3], w1: [16, 16, 3, 3], w2: [16, 16, 3, 3], w3: [16, 16, 3, 3], w4: [4, 16], b4: [4] },
    { opset: 21 },
  )

async function logits(model: Model): Promise<Float32Array> {
  const session = await ortNode.open(model)
  try {
    return (await session.run({ x })).logits!.data as Float32Array
  } finally {
    await session.close()
  }
}

const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)

describe('roundings learned part by part, on a network that is trained here', () => {
  let model: Model
  let data: Dataset
  let exact: Float32Array
  beforeAll(async () => {
    const labelled = await memoryDataset({ x, labels }, { inputs, label: 'labels' })
    const open = (one: Model) => ortNode.open(one)
    const settings = { open, timed: false, seed: 1, batch: 16, rate: 0.01, teacherShare: 0, epochs: 20 } as const
    const trained = await distil(network(), labelled, { ...settings, student: network() })
    expect(trained.report.student.metric).toBeGreaterThan(0.9)
    model = trained.model
    exact = await logits(model)
    // Some of the rows, without labels: the others are new to the roundings.
    data = await memoryDataset({ x: shown(LEARNED) }, { inputs })
  })

  const made = async (options: Omit<QuantizeOptions, 'scheme' | 'data'>, scheme: QuantizeOptions['scheme']) => {
    const result = await quantize(model, { scheme, data, steps: 140, ...options })
    return { ...result, lost: distance(await logits(result.model), exact) }
  }

  test('4 bits: at least half of what nearest codes lose comes back; the recipe gives the same bytes again', async () => {
    const plain = await made({ stored: true }, 'weight-int4')
    const learned = await made({ stored: true, rounding: 'learned' }, 'weight-int4')
    expect(checkModel(learned.model)).toEqual([])
    expect(learned.model.graph.initializers.size).toBe(plain.model.graph.initializers.size)
    expect(learned.lost).toBeLessThan(plain.lost / 2)

    const evidence = Object.values(learned.recipe.evidence)[0] as LearnedWeightsReport
    reportIn(JSON.stringify(evidence), 'learned-weights')
    expect(evidence.blocks.map(({ weights }) => weights.length)).toEqual([1, 1, 1])
    // What the whole model gives decides, not what the part gives.
    for (const { kept, outputs } of evidence.blocks)
      expect(kept).toBe(outputs!.learned < outputs!.nearest ? 'learned' : 'nearest')
    const [nothing] = evidence.blocks.filter(({ kept }) => kept === 'learned')
    const said = learned.report.warnings.some((warning) => warning.includes('in any part'))
    expect(said).toBe(nothing === undefined)
    expect(renderTerminal(evidence, { color: false, width: 100 })).toContain('learned for 3 weights on 160 rows')
    const again = await applyRecipe(learned.recipe, model, { tensors: learned.tensors })
    expect(modelDigest(again.model)).toBe(modelDigest(learned.model))
    await expect(applyRecipe(learned.recipe, model)).rejects.toMatchObject({
      message: expect.stringContaining('what was learned'),
    })
  })

  test('static int8: the same kernels, and where it is no nearer to the float model the other roundings stay', async () => {
    const settings = { pass: { placement: 'everywhere' } } as const
    const plain = await made(settings, 'static-int8')
    const learned = await made({ ...settings, rounding: 'learned' }, 'static-int8')
    expect(learned.report.kernels).toEqual(plain.report.kernels)
    const stayed = learned.report.warnings.some((warning) => warning.includes('no nearer'))
    expect(modelDigest(learned.model) === modelDigest(plain.model)).toBe(stayed)
    const again = await applyRecipe(learned.recipe, model, { tensors: learned.tensors })
    expect(modelDigest(again.model)).toBe(modelDigest(learned.model))
  })

  test('what cannot be is said', async () => {
    const failed = quantize(model, { scheme: 'weight-int4', rounding: 'learned' })
    await expect(failed).rejects.toMatchObject({ name: 'UserError', code: 'bad-data' })
    const portable = quantize(model, { scheme: 'static-int8', rounding: 'learned', data, target: 'portable' })
    await expect(portable).rejects.toMatchObject({ name: 'UserError', code: 'unsupported' })
    // Codes of 4 bits cannot add up to what leaves 16.
    const four = await made({ rounding: 'learned', target: 'portable', pass: { weightBits: 4 } }, 'static-int8')
    expect(four.report.portable?.proven).toBe(true)
  })
})
