import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseModel, printModel } from '../src/ir/index.ts'
import { modelDigest } from '../src/onnx/index.ts'
import { UserError } from '../src/platform/index.ts'
import { advance, applyRecipe, parseRecipe, recipeOf, sealOf, simplify, startTrail } from '../src/recipe/index.ts'
import type { Recipe, Report } from '../src/report/index.ts'
import { expectEqualModels } from './rewrite-kit.ts'

// UPDATE_GOLDEN=1 writes what comes out now in place of what is compared; the difference is read before it is committed.
const update = process.env.UPDATE_GOLDEN === '1'
const folder = (name: string) => new URL(`golden/${name}/`, import.meta.url)
const EXPECTED = '.simplified.onnxtxt'

const stems = (where: URL, ending: string) =>
  readdirSync(where)
    .filter((file) => file.endsWith(ending) && !(ending === '.onnxtxt' && file.endsWith(EXPECTED)))
    .map((file) => file.slice(0, -ending.length))
    .sort()

describe('simplified as written down', () => {
  const where = folder('simplify')
  const cases = stems(where, '.onnxtxt')

  test('every model has its expectation, and every expectation its model', () => {
    expect(cases.length).toBeGreaterThanOrEqual(8)
    if (!update) expect(stems(where, EXPECTED)).toEqual(cases)
  })

  test.each(cases)('%s', async (name) => {
    const model = parseModel(readFileSync(new URL(`${name}.onnxtxt`, where), 'utf8'))
    const { model: simplified } = await simplify(model, { verify: false })
    const text = printModel(simplified)
    const expected = new URL(name + EXPECTED, where)
    if (update) writeFileSync(expected, text)
    expect(text).toBe(
      existsSync(expected) ? readFileSync(expected, 'utf8') : 'no expectation; run with UPDATE_GOLDEN=1',
    )

    // The text says all of the model, the model has the answers that it had, and nothing is left to do.
    expect(modelDigest(parseModel(text))).toBe(modelDigest(simplified))
    await expectEqualModels(model, simplified)
    expect(printModel((await simplify(simplified, { verify: false })).model)).toBe(text)
  })
})

describe('stored recipes give the digests that they name', () => {
  const where = folder('recipes')
  const cases = stems(where, '.recipe.json')

  test('every model has its recipe, and every recipe its model', () => {
    expect(cases.length).toBeGreaterThanOrEqual(3)
    expect(stems(where, '.onnxtxt')).toEqual(cases)
  })

  test.each(cases)('%s', async (name) => {
    const model = parseModel(readFileSync(new URL(`${name}.onnxtxt`, where), 'utf8'))
    const file = new URL(`${name}.recipe.json`, where)
    let recipe = parseRecipe(readFileSync(file, 'utf8'), file.pathname)
    if (update) {
      recipe = await recorded(recipe, startTrail(model))
      writeFileSync(file, `${JSON.stringify(recipe, null, 2)}\n`)
    }
    expect(recipe.steps.length).toBeGreaterThan(0)
    expect(modelDigest(model)).toBe(recipe.steps[0]!.input)
    const replayed = await applyRecipe(recipe, model)
    expect(modelDigest(replayed.model)).toBe(recipe.steps.at(-1)!.output)
    // Digest by digest, and the evidence by its own: only the version that writes may differ, and so the seal.
    expect({ ...replayed.recipe, whetstone: recipe.whetstone, seal: recipe.seal }).toEqual(recipe)
    expect(replayed.report.warnings).toEqual([])
  })

  test('a digest that does not come out is an error', async () => {
    const name = cases[0]!
    const model = parseModel(readFileSync(new URL(`${name}.onnxtxt`, where), 'utf8'))
    const recipe = parseRecipe(readFileSync(new URL(`${name}.recipe.json`, where), 'utf8'), name)
    const steps = recipe.steps.with(-1, { ...recipe.steps.at(-1)!, output: `sha256:${'0'.repeat(64)}` })
    await expect(applyRecipe({ ...recipe, steps }, model)).rejects.toThrow(/the recipe says sha256:0{64}/)
  })

  test('a sealed recipe tells what was edited from what went wrong here', async () => {
    const name = cases[0]!
    const model = parseModel(readFileSync(new URL(`${name}.onnxtxt`, where), 'utf8'))
    const recorded = parseRecipe(readFileSync(new URL(`${name}.recipe.json`, where), 'utf8'), name)
    const { recipe } = await applyRecipe(recorded, model)
    const error = (one: Recipe): Promise<Error> =>
      applyRecipe(one, model).then(
        () => new Error('was applied'),
        (caught) => caught,
      )
    const steps = recipe.steps.with(-1, { ...recipe.steps.at(-1)!, output: 'sha256:0' })
    expect(await error({ ...recipe, steps })).toMatchObject({
      hint: expect.stringMatching(/^it was edited or damaged:/),
    })
    const older = { ...recipe, steps, whetstone: '0.0.1' }
    const sealed = { ...older, seal: sealOf(older) }
    expect(await error(sealed)).toMatchObject({
      hint: expect.stringMatching(/^it was made by another version \(0.0.1\):/),
    })
    // Nobody has touched it, and it does not come out: that is no user's fault.
    const own = { ...recipe, steps }
    const fault = await error({ ...own, seal: sealOf(own) })
    expect(fault).not.toBeInstanceOf(UserError)
    expect(fault.message).toMatch(/^internal: step .* the recipe says sha256:0, and nobody has changed it since/)
  })

  test('a recipe that was edited or damaged is the user’s to mend, whatever was done to it', async () => {
    const name = cases[0]!
    const model = parseModel(readFileSync(new URL(`${name}.onnxtxt`, where), 'utf8'))
    const recipe = parseRecipe(readFileSync(new URL(`${name}.recipe.json`, where), 'utf8'), name)
    const first = recipe.steps[0]!
    const refusal = async (steps: readonly unknown[], evidence: unknown = recipe.evidence) => {
      const read = async () => parseRecipe(JSON.stringify({ ...recipe, steps, evidence }), 'r.json')
      const error = await read()
        .then((edited) => applyRecipe(edited, model))
        .catch((caught) => caught)
      expect(error).toBeInstanceOf(UserError)
      expect((error as UserError).hint).toMatch(/again with whet optimize/)
      return (error as UserError).message
    }
    expect(await refusal([{ ...first, output: 'sha256:0' }])).toMatch(/the recipe says sha256:0/)
    expect(await refusal([null])).toBe('step 1 of the recipe is damaged')
    expect(await refusal([first, { ...first, options: 'fast' }])).toBe('step 2 of the recipe is damaged')
    expect(await refusal([{ ...first, evidence: undefined }])).toBe('step 1 of the recipe is damaged')
    const ranges = { kind: 'calibration', version: 1, method: 'minmax', samples: 1, dataDigest: '', unseen: [] }
    const changed = { 'sha256:1': { ...ranges, ranges: {} } }
    expect(await refusal([first], changed)).toMatch(/evidence sha256:1 .* was changed/)
    for (const [hollow, what] of [
      [null, 'it is no report'],
      [{}, 'kind is missing'],
      [{ kind: 'toString' }, 'kind is "toString", which is none'],
      [{ kind: 'moments', version: 1 }, 'samples is missing'],
      [ranges, 'ranges is missing'],
    ] as const)
      expect(await refusal([first], { 'sha256:1': hollow })).toBe(
        `the evidence sha256:1 of the recipe is damaged: ${what}`,
      )
    const unread = { pass: 'quantizeDynamicInt8', options: { keepFloat: 7 }, input: modelDigest(model), output: 'x' }
    expect(await refusal([{ ...unread, evidence: [] }])).toMatch(
      /^step 1 of the recipe, quantizeDynamicInt8, .*: options.keepFloat is not of type array$/,
    )
    expect(() => parseRecipe('null', 'r.json')).toThrow('this is no recipe')
  })
})

/** The same steps with the same evidence and the digests that come out now. */
async function recorded(recipe: Recipe, start: ReturnType<typeof startTrail>): Promise<Recipe> {
  let trail = start
  for (const { pass, options, evidence } of recipe.steps)
    trail = await advance(trail, {
      pass,
      options,
      evidence: evidence.map((digest) => ({ report: recipe.evidence[digest] as Report })),
    })
  return recipeOf(trail)
}
