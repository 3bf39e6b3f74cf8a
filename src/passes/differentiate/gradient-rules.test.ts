import { describe, expect, test } from 'vitest'
import { GRADIENT_CASES, type GradientCase } from '../../../tests/gradient-cases.ts'
import {
  differences,
  distance,
  feedsFor,
  modelOf,
  numbers,
  oracle,
  ortNode,
  runOnce,
  seededGradient,
} from '../../../tests/gradient-kit.ts'
import { generator } from '../../../tests/rewrite-kit.ts'
import { checkModel, elementCount } from '../../ir/index.ts'
import { gradientRules } from './index.ts'

/** Central differences in float64 leave about 1e-10 of the function's size; constants of the graph are float32. */
const DIFFERENCES = 3e-7
const FLOAT32 = 2e-5

async function check(operator: string, each: GradientCase): Promise<void> {
  const names = Object.keys(each.inputs)
  const feeds = feedsFor(each, operator.length * 1009 + 7)
  const plain = modelOf(each, each.body)
  const { y } = await runOnce(oracle, plain, feeds)
  const random = generator(99)
  const seed = Array.from({ length: elementCount(y!.dims) }, () => random() * 2 - 1)
  const withSeed = { ...feeds, seed: { dtype: 'float32' as const, dims: y!.dims, data: Float32Array.from(seed) } }
  const exact = numbers(withSeed.seed)

  const made = seededGradient(plain, names)
  expect(made.report.refused).toEqual([])
  expect(checkModel(made.model)).toEqual([])
  const results = await runOnce(oracle, made.model, withSeed)
  const smooth = each.smooth === undefined ? plain : modelOf(each, each.smooth)
  const own: Record<string, number[]> = {}
  for (const name of names) {
    const gradient = results[made.gradients.get(name)!]!
    expect(gradient.dims).toEqual(feeds[name]!.dims)
    own[name] = numbers(gradient)
    if (each.smooth !== each.body)
      expect(distance(own[name]!, await differences(smooth, feeds, exact, name)), name).toBeLessThan(DIFFERENCES)
  }

  const open = seededGradient(modelOf(each, each.body, true), names)
  if (each.open) expect(open.report.refused.map(({ reason }) => reason).join()).toMatch(each.open)
  else expect(open.report.refused).toEqual([])
  for (const [name, output] of open.gradients)
    expect(
      distance(numbers((await runOnce(oracle, open.model, withSeed))[output]!), own[name]!),
      `open ${name}`,
    ).toBeLessThan(1e-9)

  if (each.notNative) return
  for (const variant of [made, open].filter(({ gradients }) => gradients.size > 0)) {
    const native = await runOnce(ortNode, variant.model, withSeed)
    for (const [name, output] of variant.gradients)
      expect(distance(numbers(native[output]!), own[name]!), `native ${name}`).toBeLessThan(FLOAT32)
  }
}

describe('every rule against central differences in float64, open sizes, and ONNX Runtime in float32', () => {
  test('there are cases for exactly the operators with a rule', () => {
    expect(Object.keys(GRADIENT_CASES).sort()).toEqual(Object.keys(gradientRules).sort())
  })
  for (const [operator, cases] of Object.entries(GRADIENT_CASES))
    test.each(cases.map((each) => [each.body.replace(/\s+/g, ' '), each] as const))(
      `${operator}: %s`,
      async (_, each) => {
        expect(each.body).toContain(operator.split('.').at(-1)!)
        await check(operator, each)
      },
    )
})
