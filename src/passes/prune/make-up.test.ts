import { expect, test } from 'vitest'
import { MakeUp } from './make-up.ts'

/** XᵀX / count of vectors whose last input is a sum of the first two, and a little of its own. */
const vectors = Array.from({ length: 50 }, (_, i) => {
  const [a, b, c] = [Math.sin(i * 1.3), Math.cos(i * 2.1), Math.sin(i * 0.7 + 1)]
  return [a, b, c, a + b + 0.01 * Math.cos(i * 3.7)]
})
const h = Float64Array.from({ length: 16 }, (_, at) => {
  const [i, j] = [Math.floor(at / 4), at % 4]
  return vectors.reduce((sum, x) => sum + (x[i]! * x[j]!) / vectors.length, 0)
})
const weights = Float64Array.from([1, -2, 0.5, 3, 2, 1, -1, 4])

/** The mean of the squared change of all outputs. */
const change = (after: Float64Array) =>
  vectors.reduce((sum, x) => {
    const outputs = [0, 1].map((o) =>
      x.reduce((y, value, k) => y + value * (weights[k * 2 + o]! - after[k * 2 + o]!), 0),
    )
    return sum + outputs.reduce((own, off) => own + off ** 2, 0) / vectors.length
  }, 0)

test('what is left makes up for an input that others hold, for what was foretold', () => {
  const state = MakeUp.of(h, weights)!
  const foretold = state.costOf([3])
  expect(state.take(3)).toBeCloseTo(foretold, 12)
  expect([...state.weights.slice(6)]).toEqual([0, 0])
  // x3 is near x0 + x1: their weights take on those of x3; the other stays.
  for (const [i, value] of [0, 2, -0.5, 7, 2, 1].entries()) expect(state.weights[i]).toBeCloseTo(value, 1)
  expect(change(state.weights)).toBeLessThan(5e-3)
  expect(foretold).toBeCloseTo(change(state.weights), 2)
})

test('taking several away costs together what their costs one after the other add up to', () => {
  const state = MakeUp.of(h, weights)!
  const together = state.costOf([2, 0])
  const [other, third] = [state.copy(), state.copy()]
  expect(other.take(2) + other.take(0)).toBeCloseTo(together, 9)
  expect(third.take(0) + third.take(2)).toBeCloseTo(together, 9)
  expect(other.weights.every((value, i) => Math.abs(value - third.weights[i]!) < 1e-9)).toBe(true)
  // The state that was asked is as it was.
  expect([...state.weights]).toEqual([...weights])
  // The least squares of what is left, but for the ridge.
  expect(together).toBeCloseTo(change(other.weights), 2)
})

test('inputs that say nothing give nothing to fit to', () => {
  expect(MakeUp.of(new Float64Array(4), Float64Array.of(1, 2))).toBeNull()
  expect(MakeUp.of(Float64Array.of(1, 0, 0, Number.NaN), Float64Array.of(1, 2))).toBeNull()
})
