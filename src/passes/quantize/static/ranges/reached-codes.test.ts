import { expect, test } from 'vitest'
import { int, makeNode, tensorOf } from '../../../../ir/index.ts'
import { isTelling, reachedByWeights, reachedCodes } from './reached-codes.ts'

const seenOf = (axis: number, max: readonly number[], reach = max, min = max.map(() => 0)) => ({
  axis,
  ...{ min, max, reach, mean: max.map(() => 0) },
})

const inCodes = (shares: ArrayLike<number> | undefined) => shares && Array.from(shares, (share) => share * 255)

test('codes reach as far as was seen, as much further as other rows are expected to, and to that of zero at least', () => {
  const codes = { scale: 0.1, zeroPoint: 20 }
  const far = [1, 0.95, -0.5, 30]
  expect(inCodes(reachedCodes(codes, seenOf(1, far, [1, 0.95, 0.5, 30])))).toEqual([30, 30, 20, 255])
  expect(inCodes(reachedCodes(codes, seenOf(1, [1, 2], [2, 2])))).toEqual([40, 40])
  // The largest magnitude lies below zero: what is above grows as that does.
  expect(inCodes(reachedCodes(codes, seenOf(1, [1], [3], [-2])))).toEqual([35])
  expect(inCodes(reachedCodes(codes, seenOf(1, [0], [0])))).toEqual([20])
  // Channels under scales of their own.
  const channels = Float32Array.of(0.5, 1)
  expect(inCodes(reachedCodes({ ...codes, channels }, seenOf(1, [1, 1])))).toEqual([40, 30])
})

test('channels tell nothing where few of their numbers were seen, or the range of more rows goes further than any', () => {
  const seen = seenOf(1, [1, 4], [2, 5])
  expect(isTelling(seen, { min: -9, max: 5 })).toBe(true)
  expect(isTelling(seen, { min: -9, max: 5.1 })).toBe(false)
  expect(isTelling(seen, { min: -9, max: 5, elements: 32 })).toBe(true)
  expect(isTelling(seen, { min: -9, max: 5, elements: 31 })).toBe(false)
  expect(isTelling(seen, undefined)).toBe(true)
})

test('each weight meets the codes of its own input channel, in groups too', () => {
  const weightOf = (dims: readonly number[]) =>
    tensorOf('float32', dims, new Float32Array(dims.reduce((product, size) => product * size, 1)))
  const codes = { scale: 1, zeroPoint: 0 }
  const seen = seenOf(1, [1, 2, 3, 4])
  const conv = makeNode('Conv', ['x', 'w'], ['y'], { attributes: { group: int(2) } })
  expect(inCodes(reachedByWeights(conv, weightOf([2, 2, 1, 2]), [{ codes, seen }]))).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
  const product = makeNode('MatMul', ['x', 'w'], ['y'])
  const last = { ...seen, axis: -1 }
  expect(inCodes(reachedByWeights(product, weightOf([4, 2]), [{ codes, seen: last }]))).toEqual([
    1, 1, 2, 2, 3, 3, 4, 4,
  ])
  const turned = makeNode('Gemm', ['x', 'w'], ['y'], { attributes: { transB: int(1) } })
  expect(inCodes(reachedByWeights(turned, weightOf([2, 4]), [{ codes, seen: last }]))).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
  // Where products share weights, these meet the most of all.
  const both = [last, { ...last, max: [4, 1, 1, 1] }].map((seen) => ({ codes, seen }))
  expect(inCodes(reachedByWeights(product, weightOf([4, 2]), both))).toEqual([4, 4, 2, 2, 3, 3, 4, 4])
  // What was seen on another axis, or of another number of channels, says nothing.
  expect(reachedByWeights(product, weightOf([4, 2]), [{ codes, seen }])).toBeUndefined()
  expect(reachedByWeights(conv, weightOf([2, 2, 1, 2]), [{ codes, seen: seenOf(1, [1, 2]) }])).toBeUndefined()
  expect(reachedByWeights(product, weightOf([3, 4, 2]), [{ codes, seen: last }])).toBeUndefined()
})
