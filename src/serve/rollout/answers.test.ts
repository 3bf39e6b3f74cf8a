import { describe, expect, test } from 'vitest'
import { type ByteTensor, bytesOfValue, writeStrings } from '../../engine/index.ts'
import { answerOf, disagreementOf, lossOf } from './answers.ts'

const floats = (dims: readonly number[], ...data: readonly number[]) =>
  bytesOfValue('y', { dtype: 'float32', dims, data: Float32Array.from(data) })
const ids = (...data: readonly bigint[]) =>
  bytesOfValue('y', { dtype: 'int64', dims: [data.length], data: BigInt64Array.from(data) })
const codes = (dims: readonly number[], ...data: readonly number[]) =>
  bytesOfValue('y', { dtype: 'int8', dims, data: Int8Array.from(data) })
const texts = (...data: readonly string[]): ByteTensor => ({
  name: 'y',
  dtype: 'string',
  dims: [data.length],
  pieces: [writeStrings(data)],
})

describe('the share of rows with another answer', () => {
  test.each<[string, ByteTensor, ByteTensor, number]>([
    ['integers are equal or not', codes([4], 1, 2, 3, 4), codes([4], 1, 2, 3, 5), 1 / 4],
    ['and never near', codes([1], 100), codes([1], 101), 1],
    ['so are all of a row', codes([2, 3], 1, 2, 3, 4, 5, 6), codes([2, 3], 1, 2, 3, 4, 0, 6), 1 / 2],
    ['and those beyond 2^53', ids(2n ** 53n, 7n), ids(2n ** 53n + 1n, 7n), 1 / 2],
    ['and texts', texts('a', 'b', 'c'), texts('a', 'B', 'c'), 1 / 3],
    ['of scores the greatest counts', floats([2, 3], 1, 5, 3, 9, 1, 8), floats([2, 3], 0, 9, 8, 7, 1, 8), 1 / 2],
    ['of equal scores the first', floats([1, 2], 5, 5), floats([1, 2], 5, 4), 0],
    ['no number among them is another answer', floats([1, 2], 5, 1), floats([1, 2], 5, Number.NaN), 1],
    // 25 dB are 5.62 % of the norm.
    ['other floats are near', floats([2], 100, 100), floats([2], 105.6, 94.4), 0],
    ['or are not', floats([2], 100, 100), floats([2], 105.7, 94.3), 1],
    ['by the norm of their row', floats([2, 1, 2], 100, 0, 1, 0), floats([2, 1, 2], 99, 2, 1, 2), 1 / 2],
    ['to which what is equal belongs', floats([1, 1, 2], 100, 1), floats([1, 1, 2], 100, 2), 0],
    ['a zero has none but itself near it', floats([2], 0, 0), floats([2], -0, 1e-9), 1 / 2],
    ['infinities are like themselves', floats([2], Infinity, Infinity), floats([2], Infinity, -Infinity), 1 / 2],
    ['and hide nothing beside them', floats([1, 1, 2], Infinity, 1), floats([1, 1, 2], Infinity, 2), 1],
    ['no number is like none', floats([3], NaN, NaN, 1), floats([3], NaN, 1, NaN), 2 / 3],
    ['a number without rows is one row', floats([], 1), floats([], 9), 1],
    ['no rows, no other answer', floats([0, 3]), floats([0, 3]), 0],
    ['another shape is another answer', codes([2], 1, 1), codes([1, 2], 1, 1), 1],
    ['so is another type', codes([1], 1), floats([1], 1), 1],
  ])('%s', (_, base, candidate, share) => {
    expect(disagreementOf([base], [candidate])).toBeCloseTo(share, 12)
  })

  test('a row counts once, whichever of its outputs differ; an output that is gone is another answer', () => {
    const [a, b] = [codes([4], 1, 2, 3, 4), { ...codes([4], 1, 2, 3, 4), name: 'z' }]
    const [c, d] = [codes([4], 9, 2, 3, 4), { ...codes([4], 9, 9, 3, 4), name: 'z' }]
    expect(disagreementOf([a, b], [d, c])).toBe(1 / 2)
    expect(disagreementOf([a, b], [a])).toBe(1)
  })
})

test('an answer is a class, a quantity or a text, of the first output that has one for each row', () => {
  expect(answerOf([floats([2, 3], 1, 5, 3, 9, 1, 8)])).toEqual({ rows: [1, 0], classes: true })
  expect(answerOf([floats([2, 1], 0.5, 2)])).toEqual({ rows: [0.5, 2], classes: false })
  expect(answerOf([codes([2], 7, 3)])).toEqual({ rows: [7, 3], classes: true })
  expect(answerOf([ids(2n ** 60n)])).toEqual({ rows: [2n ** 60n], classes: true })
  expect(answerOf([texts('a', 'b')])).toMatchObject({ rows: ['a', 'b'] })
  expect(answerOf([floats([], 3)])).toEqual({ rows: [3], classes: false })
  expect(answerOf([codes([0]), floats([1, 2, 2], 1, 2, 3, 4), codes([1], 5)])).toEqual({ rows: [5], classes: true })
  expect(answerOf([codes([0]), floats([1, 2, 2], 1, 2, 3, 4)])).toBeNull()
})

test('a loss is wrong or right of classes and texts, and a share of the label of quantities', () => {
  const classes = { rows: [1, 2, 3], classes: true }
  expect(lossOf(classes, [1, '2', 4])).toBeCloseTo(1 / 3)
  expect(lossOf(classes, [1, 2])).toBeNull()
  expect(lossOf({ rows: ['cat'], classes: false }, ['cat'])).toBe(0)
  expect(lossOf({ rows: ['cat'], classes: false }, ['dog'])).toBe(1)
  expect(lossOf({ rows: [9007199254740993n], classes: true }, ['9007199254740993'])).toBe(0)
  const quantity = (said: number, label: number | string) => lossOf({ rows: [said], classes: false }, [label])
  expect(quantity(12, 10)).toBeCloseTo(0.2)
  expect(quantity(-12, -10)).toBeCloseTo(0.2)
  expect(quantity(0.25, 0.5)).toBeCloseTo(0.25)
  expect([quantity(100, 1), quantity(Number.NaN, 1), quantity(3, 3)]).toEqual([1, 1, 0])
  expect(quantity(3, '3')).toBeNull()
  expect(lossOf({ rows: [12, 10], classes: false }, [10, 10])).toBeCloseTo(0.1)
})
