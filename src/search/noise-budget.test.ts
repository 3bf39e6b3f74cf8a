import { expect, test } from 'vitest'
import { settleNoise } from './noise-budget.ts'

/** Mixtures come in steps, and show `factor` times the noise that was foretold. */
function steps(factor: number, target: number, noise: boolean) {
  const budgets: number[] = []
  const judge = async (budget: number) => {
    budgets.push(budget)
    const expected = Math.floor(budget * 200) / 200
    return { expected, noise: noise ? expected * factor : null, secure: expected * factor <= target, byAnswers: false }
  }
  return { budgets, judge }
}

test.each([0.5, 1, 3])(
  'comes close to the target from below, though it is foretold %f times too low',
  async (factor) => {
    const { judge, budgets } = steps(factor, 0.1, true)
    const best = await settleNoise(0.1, { secure: false, byAnswers: false, noise: factor, expected: 1 }, judge)
    expect(best!.noise).toBeLessThanOrEqual(0.1)
    expect(best!.noise).toBeGreaterThan(0.08)
    expect(budgets.length).toBeLessThanOrEqual(3)
  },
)

test('where the noise tells nothing it closes in by ratios', async () => {
  const { judge, budgets } = steps(1, 0.1, false)
  const best = await settleNoise(0.1, { secure: false, byAnswers: false, noise: null, expected: 1 }, judge)
  expect(best!.secure).toBe(true)
  expect(best!.expected).toBeGreaterThan(0.06)
  expect(budgets.length).toBeLessThanOrEqual(6)
})

test('nothing is secure, or the time is up: nothing', async () => {
  const whole = { secure: false, byAnswers: false, noise: 1, expected: 1 }
  expect(await settleNoise(0.1, whole, async () => null)).toBe(null)
  const never = async (budget: number) => ({ secure: false, byAnswers: false, noise: 1, expected: budget })
  expect(await settleNoise(0.1, whole, never)).toBe(null)
})

test('below one that is as quiet as was aimed and still not secure, a little less is tried first', async () => {
  let left = 2
  // What decides asks for a little more than the target, and there is time for two mixtures.
  const judge = async (budget: number) =>
    left-- > 0 ? { expected: budget, noise: budget, secure: budget <= 0.08, byAnswers: false } : null
  const best = await settleNoise(0.1, { secure: false, byAnswers: false, noise: 1, expected: 1 }, judge)
  expect(best!.expected).toBeGreaterThan(0.07)
})

test('where answers make secure what is as quiet as was aimed, louder ones are tried until one is not', async () => {
  const budgets: number[] = []
  const judge = async (budget: number) => {
    budgets.push(budget)
    const secure = budget <= 0.4
    return { expected: budget, noise: budget, secure, byAnswers: secure }
  }
  const whole = { secure: false, byAnswers: false, noise: 1, expected: 1 }
  const best = await settleNoise(0.1, whole, judge)
  expect(budgets[0]).toBeLessThanOrEqual(0.1)
  expect(best!.expected).toBeGreaterThan(0.28)
  expect(best!.expected).toBeLessThanOrEqual(0.4)
  expect(budgets.length).toBeLessThanOrEqual(5)
})
