import { expect, test } from 'vitest'
import { parseRecipe } from './parse-recipe.ts'

const step = { pass: 'foldConstants', options: {}, evidence: ['d'], input: 'sha256:1', output: 'sha256:2' }
const calibration = {
  kind: 'calibration',
  version: 1,
  method: 'minmax',
  samples: 2,
  dataDigest: '',
  ranges: {},
  unseen: [],
}
const recipe = { kind: 'recipe', version: 1, whetstone: '1.0.0', steps: [step, step], evidence: { d: calibration } }

test('a whole recipe is read as it was written', () =>
  expect(parseRecipe(JSON.stringify(recipe), 'recipe.json')).toEqual(recipe))

const { ranges: _, ...hollow } = calibration
test.each<[string, unknown, string]>([
  ['nothing', null, 'this is no recipe'],
  ['another kind', { ...recipe, kind: 'rewrite' }, 'this is no recipe'],
  ['no list of steps', { ...recipe, steps: {} }, 'this is no recipe'],
  ['no evidence', { ...recipe, evidence: null }, 'this is no recipe'],
  ['evidence that is text', { ...recipe, evidence: 'none' }, 'this is no recipe'],
  ['a step that is none', { ...recipe, steps: [step, null] }, 'step 2 of the recipe is damaged'],
  ...['pass', 'input', 'output', 'options', 'evidence'].map((field): [string, unknown, string] => [
    `a step without ${field}`,
    { ...recipe, steps: [{ ...step, [field]: undefined }] },
    'step 1 of the recipe is damaged',
  ]),
  ['a digest that is none', { ...recipe, steps: [{ ...step, evidence: ['d', 1] }] }, 'step 1 of the recipe is damaged'],
  ...(
    [
      [7, 'it is no report'],
      [{}, 'kind is missing'],
      [{ kind: 'toString' }, 'kind is "toString", which is none'],
      [{ kind: 7 }, 'kind is 7, which is none'],
      [hollow, 'ranges is missing'],
    ] as const
  ).map(([report, problem]): [string, unknown, string] => [
    `evidence of which ${problem}`,
    { ...recipe, evidence: { d: calibration, e: report } },
    `the evidence e of the recipe is damaged: ${problem}`,
  ]),
])('%s is refused in words of its own', (_, value, message) => {
  const read = () => parseRecipe(JSON.stringify(value), 'recipe.json')
  expect(read).toThrow(expect.objectContaining({ code: 'bad-argument', where: 'recipe.json', message }))
})

test('what is not JSON, and a recipe of a later version', () => {
  expect(() => parseRecipe('{', 'recipe.json')).toThrow(expect.objectContaining({ code: 'bad-argument' }))
  expect(() => parseRecipe('{', 'recipe.json')).toThrow('this is not JSON')
  expect(() => parseRecipe(JSON.stringify({ ...recipe, version: 2 }), 'recipe.json')).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: 'the recipe has version 2, this Whetstone reads up to 1',
      hint: 'upgrade whetstone',
    }),
  )
})
