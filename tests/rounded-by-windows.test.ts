import { beforeAll, expect, test } from 'vitest'
import { type Dataset, memoryDataset, randomNumbers } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, type Model } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { applyRecipe, quantize } from '../src/recipe/index.ts'
import { nearest } from '../src/recipe/quantize/nearest-step.ts'
import type { MomentsReport } from '../src/report/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { modelWith } from './quantize-kit.ts'
import { reportIn } from './schema.ts'

const [ROWS, SEEN, SIDE] = [64, 48, 12]
const network = (): Model =>
  modelWith(
    `g (float[N,4,${SIDE},${SIDE}] x) => (float y) { c = Conv<pads = [1,1,1,1]>(x, u, a) r = Relu(c)
       d = Conv<pads = [1,1,1,1], group = 2>(r, v) s = Relu(d) e = Conv(s, w, b) y = Relu(e) }`,
    { u: [32, 4, 3, 3], a: [32], v: [64, 16, 3, 3], w: [32, 64, 1, 1], b: [32] },
  )

/** Smooth pictures, four channels that look alike. */
const random = randomNumbers(4)
const pictures = Float32Array.from({ length: ROWS * 4 * SIDE * SIDE }, (_, i) => {
  const [row, channel, place] = [Math.floor(i / 4 / SIDE ** 2), Math.floor(i / SIDE ** 2) % 4, i % SIDE ** 2]
  const wave = Math.sin((row % 7) * 0.9 + Math.floor(place / SIDE) * 0.5) + Math.cos(row + (place % SIDE) * 0.4)
  return 0.5 + 0.25 * wave + 0.05 * channel + 0.1 * random()
})
const shown = (from: number, to: number) =>
  ({
    dtype: 'float32',
    dims: [to - from, 4, SIDE, SIDE],
    data: pictures.subarray(from * 4 * SIDE ** 2, to * 4 * SIDE ** 2),
  }) as const

async function answers(model: Model): Promise<Float32Array> {
  const session = await ortNode.open(model)
  try {
    return (await session.run({ x: shown(SEEN, ROWS) })).y!.data as Float32Array
  } finally {
    await session.close()
  }
}

const decibels = (exact: Float32Array, given: Float32Array) => {
  const power = exact.reduce((sum, value) => sum + value * value, 0)
  return 10 * Math.log10(power / exact.reduce((sum, value, i) => sum + (value - given[i]!) ** 2, 0))
}

const model = network()
let data: Dataset
let exact: Float32Array
beforeAll(async () => {
  data = await memoryDataset({ x: shown(0, SEEN) })
  exact = await answers(model)
})

test.each(['weight-int4', 'weight-int8'] as const)(
  '%s: stored convolutions are rounded by what they read, nearer on other rows; the recipe gives the same bytes',
  async (scheme) => {
    const plain = await quantize(model, { scheme, stored: true })
    const made = await quantize(model, { scheme, stored: true, rounding: 'gptq', data })
    expect(checkModel(made.model)).toEqual([])
    const gained = decibels(exact, await answers(made.model)) - decibels(exact, await answers(plain.model))
    expect(gained).toBeGreaterThan(3)
    expect(made.report.warnings.join()).not.toMatch(/no nearer/)

    const evidence = Object.values(made.recipe.evidence)[0] as MomentsReport
    reportIn(JSON.stringify(evidence), 'moments')
    expect([evidence.samples, evidence.judged]).toEqual([42, 6])
    expect(Object.keys(evidence.windows!)).toHaveLength(3)
    expect(renderTerminal(evidence, { color: false, width: 100 })).toContain('of what 3 convolutions read on 42 rows')
    for (const given of [{ tensors: made.tensors }, { data }])
      expect(modelDigest((await applyRecipe(made.recipe, model, given)).model)).toBe(modelDigest(made.model))
  },
)

test('of two steps the one whose outputs are nearer is taken, whichever comes first', async () => {
  const step = (bits: 4 | 8) => ({ pass: 'quantizeWeights', options: { bits, stored: true } })
  for (const steps of [[step(4), step(8)] as const, [step(8), step(4)] as const])
    expect((await nearest(model, steps, data, [0, 1, 2, 3])).options).toMatchObject({ bits: 8 })
})
