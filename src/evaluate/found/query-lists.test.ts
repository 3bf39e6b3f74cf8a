import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { differences } from '../differences.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { foundBoxes } from './found-boxes.ts'

const floats = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
})

/** What a query answers: a place across, and its logits. */
type Query = readonly [x: number, logits: readonly number[]]

const listOf = (queries: readonly Query[], side = 0.1): RowOutputs => ({
  logits: floats(
    [queries.length, queries[0]![1].length],
    queries.flatMap(([, logits]) => logits),
  ),
  pred_boxes: floats(
    [queries.length, 4],
    queries.flatMap(([x]) => [x, 0.5, side, side]),
  ),
})

const counts = (base: RowOutputs, candidate: RowOutputs, rows = 4) => {
  const found = foundBoxes()
  for (let row = 0; row < rows; row++) found.add(base, candidate)
  return { outputs: found.outputs, first: found.rows[0] }
}

const nothingOf = (logits: readonly number[]) =>
  Array.from({ length: 12 }, (_, at): Query => [0.05 + 0.07 * at, logits])

/** Twelve queries, of which the given ones answer so. */
const withNothing = (nothing: readonly number[], found: Readonly<Record<number, readonly number[]>>) =>
  nothingOf(nothing).map(([x, logits], at): Query => [x, found[at] ?? logits])

describe('every class is asked for itself (RT-DETR)', () => {
  const queries = withNothing([-5, -6, -4], { 0: [2, -4, -5], 3: [-3, 2, -4], 7: [-5, -5, 3] })
  const base = listOf(queries)
  const both = ['pred_boxes', 'logits']

  test('queries that change places find the same', () => {
    expect(counts(base, listOf([...queries].reverse()))).toEqual({ outputs: both, first: { boxes: 3, changed: 0 } })
    const told = differences()
    for (let row = 0; row < 4; row++) told.add(base, listOf([...queries].reverse()))
    for (const output of told.outputs()) expect(output.boxes).toEqual({ compared: 12, changed: 0 })
    expect(told.outputs()).toHaveLength(2)
  })

  test('a class, a place or a score that is another is a box that changed', () => {
    const other = (at: number, query: Query) => listOf(queries.map((one, place) => (place === at ? query : one)))
    const [x] = queries[3]!
    expect(counts(base, other(3, [x, [2, -3, -4]])).first).toEqual({ boxes: 4, changed: 2 })
    expect(counts(base, other(3, [x + 0.05, [-3, 2, -4]])).first).toEqual({ boxes: 4, changed: 2 })
    expect(counts(base, other(3, [x, [-3, 0, -4]])).first).toEqual({ boxes: 4, changed: 2 })
    expect(counts(base, other(3, [x + 0.005, [-3, 1.8, -4]])).first).toEqual({ boxes: 3, changed: 0 })
  })

  test('one class alone has a single column, found by few queries or by most', () => {
    const few = withNothing([-5], { 0: [2], 3: [2], 7: [1], 8: [3] })
    expect(counts(listOf(few), listOf([...few].reverse()))).toEqual({ outputs: both, first: { boxes: 4, changed: 0 } })
    const most = withNothing([2], { 0: [-5], 3: [-5] })
    expect(counts(listOf(most), listOf(most)).first).toEqual({ boxes: 10, changed: 0 })
  })

  test('a score that just counts has its like where that just does not', () => {
    const scored = (logit: number) => listOf(queries.map((one, at) => (at === 5 ? [one[0], [logit, -6, -4]] : one)))
    // Scores of 0.27 and 0.23.
    expect(counts(scored(-1), scored(-1.2)).first).toEqual({ boxes: 4, changed: 0 })
    expect(counts(scored(-1.2), scored(-1)).first).toEqual({ boxes: 4, changed: 0 })
  })

  test('the best box takes its like first, wherever its query stands', () => {
    // Scores of 0.82 and 0.88, side by side; in the candidate the nearer of both is right for either.
    const near = (first: Query, second: Query) => listOf([first, second, ...nothingOf([-5, -6, -4]).slice(2)])
    const candidate = near([0.501, [1.75, -6, -4]], [0.49, [2.3, -6, -4]])
    const orders = [near([0.508, [1.5, -6, -4]], [0.5, [2, -6, -4]]), near([0.5, [2, -6, -4]], [0.508, [1.5, -6, -4]])]
    for (const base of orders) expect(counts(base, candidate, 8).first).toEqual({ boxes: 3, changed: 2 })
  })

  test('a model that finds the last class most often denies every class elsewhere', () => {
    const last = withNothing([-5, -6, -4], { 0: [-5, -4, 2], 3: [-3, -4, 2], 7: [-5, -5, 3] })
    expect(counts(listOf(last), listOf(last)).first).toEqual({ boxes: 3, changed: 0 })
  })
})

describe('the last class of a softmax is nothing (DETR)', () => {
  const queries = withNothing([-2, -3, 6], { 0: [6, -2, 1], 3: [-3, 7, 2], 7: [5, 0, 1] })

  test('what answers with nothing is no box, wherever it stands', () => {
    const moved = queries.map(([x, logits], at): Query => (at === 5 ? [0.9, [-3, -2, 5]] : [x, logits]))
    expect(counts(listOf(queries), listOf(moved)).first).toEqual({ boxes: 3, changed: 0 })
  })

  test('what was found and is nothing now is lost', () => {
    const lost = queries.map(([x, logits], at): Query => (at === 3 ? [x, [-3, 2, 7]] : [x, logits]))
    expect(counts(listOf(queries), listOf(lost)).first).toEqual({ boxes: 3, changed: 1 })
  })

  test('a single query may tell which of both it is', () => {
    const said = (logits: readonly number[]) => listOf([...nothingOf([2, -3, 1]).slice(0, 11), [0.9, logits]])
    // Read as a softmax, each of the eleven is one box; with every class for itself, two of 0.88 and 0.73.
    expect(counts(said([-3, -3, 2]), said([-3, -3, 2])).first!.boxes).toBe(11)
    expect(counts(said([-3, -3, -2]), said([-3, -3, -2])).first!.boxes).toBe(22)
  })
})

describe('what is no list of queries is held against the other number by number', () => {
  const logits = [-5, 3, -4]
  const queries = nothingOf(logits)
  const outputsOf = (row: RowOutputs, rows = 4) => counts(row, row, rows).outputs

  test('the same in numbers that are one', () => {
    expect(outputsOf(listOf(queries))).toEqual(['pred_boxes', 'logits'])
  })
  test('fewer than ten places', () => {
    expect(outputsOf(listOf(queries.slice(0, 10)))).not.toEqual([])
    expect(outputsOf(listOf(queries.slice(0, 9)))).toEqual([])
  })
  test('boxes outside of the input, or in pixels', () => {
    expect(outputsOf({ ...listOf(queries), pred_boxes: floats([12, 4], Array(48).fill(1.2)) })).toEqual([])
    expect(outputsOf({ ...listOf(queries), pred_boxes: floats([12, 4], Array(48).fill(-0.2)) })).toEqual([])
  })
  test('four classes for each place', () => {
    expect(
      outputsOf({ ...listOf(queries), pred_boxes: floats([12, 4], Array(12).fill([0.7, 0.1, 0.1, 0.1]).flat()) }),
    ).toEqual([])
  })
  test('probabilities beside boxes, as of anchors', () => {
    expect(outputsOf(listOf(nothingOf([0.1, 0.8, 0.1])))).toEqual([])
  })
  test('more boxes than anybody draws', () => {
    const many = (count: number) => listOf(Array.from({ length: count }, (_, at): Query => [at / count, logits]))
    expect(outputsOf(many(100))).not.toEqual([])
    expect(outputsOf(many(101))).toEqual([])
  })
  test('a candidate that lost the form lost all boxes', () => {
    const without = { ...listOf(queries), logits: floats([12], Array(12).fill(0)) }
    expect(counts(listOf(queries), without).first).toEqual({ boxes: 12, changed: 12 })
  })
})
