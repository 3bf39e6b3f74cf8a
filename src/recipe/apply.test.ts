import { describe, expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { parseModel } from '../ir/index.ts'
import type { Recipe, Report } from '../report/index.ts'
import { renderTerminal } from '../view/index.ts'
import { applyRecipe } from './apply.ts'
import { simplify } from './simplify.ts'
import { evidenceDigest, sealOf } from './trail.ts'

const model = (factor: number) =>
  parseModel(
    `<ir_version: 10, opset_import: ["" : 20]> g (float[N,2] x) => (float[N,2] y) <float[1] c = {${factor}}> { z = Identity(x)\n y = Mul(z, c) }`,
  )
const plain = { color: false, width: 100 }

const rowsOf = (count: number) =>
  memoryDataset(
    { x: { dtype: 'float32', dims: [count, 2], data: Float32Array.from({ length: 2 * count }, (_, i) => i - 4) } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }] },
  )

test('on its own model a recipe is replayed to the byte, and nothing needs to be run', async () => {
  const { recipe } = await simplify(model(2), { verify: false })
  const { report } = await applyRecipe(recipe, model(2), { data: await rowsOf(5) })
  expect(report).toMatchObject({ replayed: true, equivalence: null, warnings: [] })
  expect(renderTerminal(report, plain)).toContain('replayed: every step gave the bytes that the recipe names')
})

test('on another model it is not: without rows nothing is known, with some how far answers moved', async () => {
  const { recipe } = await simplify(model(2), { verify: false })
  const unseen = await applyRecipe(recipe, model(3))
  expect(unseen.report.replayed).toBeUndefined()
  expect(renderTerminal(unseen.report, plain)).toContain('not verified: nothing was run')
  const { report } = await applyRecipe(recipe, model(3), { data: await rowsOf(5) })
  expect(report.equivalence).toMatchObject({ samples: 4, equal: true })
  expect(renderTerminal(report, plain)).toContain('same answers on 4 samples')
  expect(report.warnings).toEqual([expect.stringMatching(/another model.*whet compare/)])
})

test('a recipe without a step is any model’s own', async () => {
  const { recipe } = await simplify(model(2), { verify: false })
  const { report } = await applyRecipe({ ...recipe, steps: [] }, model(3))
  expect(report).toMatchObject({ replayed: true, passes: [], warnings: [] })
  expect(report.after).toEqual(report.before)
})

describe('a recipe that does on its own model what it does not say', () => {
  const lying = async (more: Partial<Recipe> = {}) => {
    const { recipe } = await simplify(model(2), { verify: false })
    const steps = recipe.steps.map((step) => ({ ...step, output: `sha256:${'0'.repeat(64)}` }))
    return { ...recipe, steps, ...more }
  }
  const problem = /^step \w+ gave sha256:\w+, the recipe says sha256:0+$/
  const again = ': make it again with whet optimize, or with whet quantize --recipe'

  test('and was not touched since this very version made it: our fault', async () => {
    const recipe = await lying()
    await expect(applyRecipe({ ...recipe, seal: sealOf(recipe) }, model(2))).rejects.toThrow(
      /^internal: step .* says sha256:0+, and nobody has changed it since$/,
    )
  })

  test.each<[string, (recipe: Recipe) => Partial<Recipe>, string]>([
    [
      'and was made by another version',
      (recipe) => {
        const older = { ...recipe, whetstone: '0.0.1' }
        return { ...older, seal: sealOf(older) }
      },
      'it was made by another version (0.0.1)',
    ],
    ['with a seal that is broken', () => ({}), 'it was edited or damaged'],
    [
      'without a seal',
      () => ({ seal: undefined, whetstone: '0.0.1' }),
      'it was edited or damaged, or made by another version (0.0.1)',
    ],
  ])('%s', async (_, change, why) => {
    const recipe = await lying()
    const error = await applyRecipe({ ...recipe, ...change(recipe) }, model(2)).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'bad-argument', where: 'recipe', hint: `${why}${again}` })
    expect(error.message).toMatch(problem)
  })
})

test.each([
  ['foldConstants', { rounds: 2 }, 'options.rounds is not known, nor any other'],
  ['upgradeOpset', { target: 99 }, 'options.target is above 21'],
  ['quantizeWeights', {}, 'options.bits is missing'],
  ['quantizeWeights', { bits: 4, blok: 16 }, /^options.blok is not known \(known: bits, block, /],
  ['quantizeWeights', { bits: 4, block: 33 }, 'options.block is none of 16, 32, 64, 128, 256'],
  ['quantizeStaticInt8', { keepFloat: 'Gemm' }, 'options.keepFloat is not of type array'],
  ['quantizeStaticInt8', { equalise: -1 }, 'options.equalise is below 0'],
  ['pruneChannels', { remove: { a: [0, 1.5] } }, 'options.remove.a[1] is not of type integer'],
  ['differentiate', { loss: { kind: 'output', output: 'y' }, wrt: 'x' }, 'options.wrt is not of type array'],
])('%s with %j is refused before any step, on its own model and on another', async (pass, options, problem) => {
  const { recipe } = await simplify(model(2), { verify: false })
  const { seal: _, ...unsealed } = recipe
  const steps = [...recipe.steps, { pass, options, evidence: [], input: '', output: '' }]
  for (const factor of [2, 3]) {
    const error = await applyRecipe({ ...unsealed, steps }, model(factor)).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'bad-argument', hint: expect.stringContaining('edited or damaged') })
    const start = `step ${steps.length} of the recipe, ${pass}, cannot be done as it is written: `
    expect(error.message.startsWith(start)).toBe(true)
    expect(error.message.slice(start.length)).toMatch(problem)
  }
})

describe('evidence of another model', () => {
  /** The recipe of `model(2)`, its first step with this evidence. */
  const withEvidence = async (...reports: readonly object[]) => {
    const { seal: _, ...recipe } = (await simplify(model(2), { verify: false })).recipe
    const digests = reports.map((report) => evidenceDigest(report as Report))
    const [first, ...rest] = recipe.steps
    const evidence = Object.fromEntries(digests.map((digest, i) => [digest, reports[i]]))
    return { ...recipe, evidence, steps: [{ ...first, evidence: digests }, ...rest] } as Recipe
  }
  const ranges = { x: { min: -1, max: 1, elements: 4 } }
  const calibration = (method: string) => ({
    kind: 'calibration',
    version: 1,
    method,
    samples: 2,
    dataDigest: '',
    ranges,
    unseen: [],
  })
  const rows = () =>
    memoryDataset(
      { x: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(5, -7, 1, 2) } },
      { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }] },
    )

  test('is measured anew where there are rows; on the model that it is of, it is taken as it is', async () => {
    const recipe = await withEvidence(calibration('minmax'))
    expect(await applyRecipe(recipe, model(2))).toMatchObject({
      report: { replayed: true },
      recipe: { evidence: recipe.evidence },
    })
    await expect(applyRecipe(recipe, model(3))).rejects.toMatchObject({
      message: 'this recipe was made for another model, and its ranges do not fit this one',
      hint: 'give --data D with rows to calibrate on',
    })
    const other = await applyRecipe(recipe, model(3), { data: await rows() })
    expect(Object.values(other.recipe.evidence)).toMatchObject([
      { ranges: { z: { min: -7, max: 5 }, y: { min: -21, max: 15 } } },
    ])
  })

  test.each([
    ['ranges that were learned', calibration('learned')],
    ['weights that were', { kind: 'learned-weights', version: 1, weights: {} }],
  ])('does not fit: %s', async (_, report) => {
    const recipe = await withEvidence(report)
    expect((await applyRecipe(recipe, model(2))).report.replayed).toBe(true)
    await expect(applyRecipe(recipe, model(3), { data: await rows() })).rejects.toThrow(
      /^what was learned for one model/,
    )
  })

  test('each kind is measured anew, roundings and costs under the ranges before them; moments go on as they are', async () => {
    const old = { version: 1, samples: 1, dataDigest: 'old' }
    const channels = { kind: 'channels', ...old, values: {}, unseen: [] }
    const moments = { kind: 'moments', ...old, values: {}, unseen: [] }
    const sensitivity = { kind: 'sensitivity', ...old, sources: [] }
    const costs = { kind: 'costs', version: 1, cpu: 'some', runtime: 'any', threads: 1, nodes: [] }
    const data = await rows()
    const apply = async (...reports: readonly object[]) =>
      applyRecipe(await withEvidence(...reports), model(3), { data })
    const { recipe } = await apply(channels, moments, calibration('minmax'), sensitivity)
    const dataDigest = await data.digest()
    expect(Object.values(recipe.evidence)).toMatchObject([
      { kind: 'channels', dataDigest },
      moments,
      { kind: 'calibration', ranges: { z: { min: -7, max: 5 } } },
      { kind: 'sensitivity', dataDigest },
    ])
    await expect(apply(sensitivity)).rejects.toThrow('internal: sensitivity without ranges')
    await expect(apply(calibration('minmax'), costs)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'nothing in this model can become integer',
    })
  })

  test('that is lost or changed is refused on any', async () => {
    const recipe = await withEvidence(calibration('minmax'))
    const [digest] = Object.keys(recipe.evidence)
    for (const factor of [2, 3]) {
      await expect(applyRecipe({ ...recipe, evidence: {} }, model(factor))).rejects.toThrow(
        `lost its evidence ${digest}`,
      )
      const changed = { ...recipe, evidence: { [digest!]: calibration('mse') } }
      await expect(applyRecipe(changed as Recipe, model(factor))).rejects.toThrow(`${digest} of the recipe was changed`)
    }
  })
})
