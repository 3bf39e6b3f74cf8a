import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { foundBoxes } from './found-boxes.ts'

const floats = (dims: readonly number[], numbers: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(numbers),
})
const whole = (numbers: readonly number[]): TensorValue => ({
  dtype: 'int64',
  dims: [numbers.length],
  data: BigInt64Array.from(numbers, BigInt),
})

type Box = readonly [left: number, top: number, right: number, bottom: number, score: number, label: number]

const A: Box = [10, 10, 50, 50, 0.9, 2]
const B: Box = [100, 20, 140, 80, 0.6, 0]
const C: Box = [30, 60, 90, 90, 0.4, 2]
const LOW: Box = [5, 5, 9, 9, 0.1, 1]

const table = (boxes: readonly Box[]): RowOutputs => ({ found: floats([boxes.length, 6], boxes.flat()) })
const lists = (boxes: readonly Box[]): RowOutputs => ({
  labels: whole(boxes.map((box) => box[5])),
  boxes: floats(
    [boxes.length, 4],
    boxes.flatMap((box) => box.slice(0, 4)),
  ),
  scores: floats(
    [boxes.length],
    boxes.map((box) => box[4]),
  ),
})

const counts = (base: RowOutputs, candidate: RowOutputs) => {
  const found = foundBoxes()
  // Ten boxes at least are asked for.
  for (let row = 0; row < 10; row++) found.add(base, candidate)
  return found.rows[9]
}

describe.each([
  ['one table', table],
  ['boxes, scores and classes apart', lists],
] as const)('%s', (_, outputs) => {
  const against = (...boxes: readonly Box[]) => counts(outputs([A, B, C, LOW]), outputs(boxes))
  const changed = (box: Box, change: Partial<Record<number, number>>) =>
    box.map((number, i) => change[i] ?? number) as unknown as Box

  test('the same boxes in another order are the same', () => {
    const [a, b] = [changed(A, { 4: 0.84 }), changed(B, { 4: 0.68 })]
    expect(against(a, b, C, LOW)).toEqual({ boxes: 3, changed: 0 })
    // B has moved up.
    expect(counts(outputs([A, changed(B, { 4: 0.88 }), LOW]), outputs([changed(B, { 4: 0.9 }), A, LOW]))).toEqual({
      boxes: 2,
      changed: 0,
    })
  })

  test('a box that is lost, or new, has changed; one of another class, or elsewhere, is both', () => {
    expect(against(A, C, LOW)).toEqual({ boxes: 3, changed: 1 })
    expect(against(A, B, C, [0, 0, 9, 9, 0.3, 2])).toEqual({ boxes: 4, changed: 1 })
    expect(against(A, changed(B, { 5: 1 }), C)).toEqual({ boxes: 4, changed: 2 })
    // Forty wide: moved by 5 it covers 35 of 45, by 6 34 of 46, less than three quarters.
    expect(against(changed(A, { 0: 15, 2: 55 }), B, C)).toEqual({ boxes: 3, changed: 0 })
    expect(against(changed(A, { 0: 16, 2: 56 }), B, C)).toEqual({ boxes: 4, changed: 2 })
  })

  test('a score may differ by a tenth, on whichever side of the least that counts', () => {
    expect(against(A, changed(B, { 4: 0.51 }), C)).toEqual({ boxes: 3, changed: 0 })
    expect(against(A, changed(B, { 4: 0.49 }), C)).toEqual({ boxes: 4, changed: 2 })
    const only = (score: number) => outputs([changed(A, { 4: score }), LOW])
    expect(counts(only(0.26), only(0.2))).toEqual({ boxes: 1, changed: 0 })
    expect(counts(only(0.2), only(0.26))).toEqual({ boxes: 1, changed: 0 })
    expect(counts(only(0.26), only(0.1))).toEqual({ boxes: 1, changed: 1 })
    expect(counts(outputs([A, LOW]), outputs([A, changed(LOW, { 4: 0.24 })]))).toEqual({ boxes: 1, changed: 0 })
  })

  test('each box takes the one that it covers most, and leaves the other to its neighbour', () => {
    // Moved by 5 a box is the same, by 10 (30 of 50) it is not: only the middle one is like the last.
    const [middle, last] = [changed(A, { 0: 15, 2: 55 }), changed(A, { 0: 20, 2: 60, 4: 0.88 })]
    expect(counts(outputs([A, last]), outputs([middle, changed(A, { 4: 0.88 })]))).toEqual({ boxes: 2, changed: 0 })
    // One that is far below what counts takes nothing away.
    const [weak, weaker, better] = [0.2, 0.12, 0.26].map((score) => changed(C, { 4: score }))
    const moved = changed(better!, { 0: 31, 2: 91 })
    expect(counts(outputs([A, weak!]), outputs([A, moved, weaker!]))).toEqual({ boxes: 2, changed: 0 })
  })

  test('what is below the score that counts may be anything, and may be gone', () => {
    const padding: Box = [0, 0, 0, 0, 0, -1]
    expect(counts(outputs([A, B, C, padding]), outputs([A, B, padding, padding]))).toEqual({ boxes: 3, changed: 1 })
    expect(counts(outputs([A, changed(LOW, { 4: 0.2 })]), outputs([A]))).toEqual({ boxes: 1, changed: 0 })
  })

  test('a model without these outputs lost every box', () => {
    expect(counts(outputs([A, B, C]), {})).toEqual({ boxes: 3, changed: 3 })
  })

  test('of two that both fit, one is not taken twice', () => {
    const twin = changed(A, { 0: 11, 4: 0.88 })
    expect(counts(outputs([A, twin]), outputs([A, LOW]))).toEqual({ boxes: 2, changed: 1 })
    expect(counts(outputs([A, twin]), outputs([changed(A, { 4: 0.89 }), twin]))).toEqual({ boxes: 2, changed: 0 })
  })

  test('where the candidate gives no numbers, all have changed', () => {
    expect(against(changed(A, { 4: Number.NaN }), B, C, LOW)).toEqual({ boxes: 3, changed: 3 })
  })
})

test('rows differ in how many there are, and one alone may have lost its axis', () => {
  const found = foundBoxes()
  const alone = { found: floats([6], A) }
  found.add(alone, alone)
  expect(found.outputs).toEqual([])
  found.add(table([A, B]), table([B]))
  found.add({ found: floats([0, 6], []) }, table([LOW]))
  for (let row = 0; row < 2; row++) found.add(table([A, B, C]), table([A, B, C]))
  // Nine boxes of one model are too few to tell; the tenth is one of the other.
  expect(found.outputs).toEqual([])
  found.add(table([LOW, LOW]), table([A]))
  expect(found.outputs).toEqual(['found'])
  expect(found.rows).toEqual([
    { boxes: 1, changed: 0 },
    { boxes: 2, changed: 1 },
    { boxes: 0, changed: 0 },
    { boxes: 3, changed: 0 },
    { boxes: 3, changed: 0 },
    { boxes: 1, changed: 1 },
  ])
})

test('the columns of a table are found by what they hold: class, score, box; image, box, class, score; shares of a picture', () => {
  const orders: readonly ((box: Box) => readonly number[])[] = [
    ([x1, y1, x2, y2, score, label]) => [label, score, x1, y1, x2, y2],
    ([x1, y1, x2, y2, score, label]) => [0, x1, y1, x2, y2, label, score],
    ([x1, y1, x2, y2, score, label]) => [x1 / 200, y1 / 200, x2 / 200, y2 / 200, score, label],
  ]
  for (const order of orders) {
    const of = (...boxes: Box[]) => ({ y: floats([1, boxes.length, order(A).length], boxes.flatMap(order)) })
    expect(counts(of(A, B, C, LOW), of(A, C, LOW))).toEqual({ boxes: 3, changed: 1 })
  }
})

const outputsOf = (outputs: RowOutputs, later = outputs) => {
  const found = foundBoxes()
  for (let row = 0; row < 10; row++) found.add(outputs, outputs)
  found.add(later, later)
  return found.outputs
}

test('lists may keep their axis of rows, and need no classes; a list of another length is none of theirs', () => {
  const { boxes, scores, labels } = lists([A, B, C]) as Record<'boxes' | 'scores' | 'labels', TensorValue>
  const all = { boxes, scores, labels }
  expect(outputsOf(all)).toEqual(['boxes', 'scores', 'labels'])
  const kept = ({ dims, ...value }: TensorValue) => ({ ...value, dims: [1, ...dims] }) as TensorValue
  expect(outputsOf({ boxes: kept(boxes), scores: kept(scores), labels: kept(labels) })).toEqual(Object.keys(all))
  expect(outputsOf({ boxes, scores })).toEqual(['boxes', 'scores'])
  expect(outputsOf({ boxes, scores, labels: whole([2, 0, 2, 1]) })).toEqual(['boxes', 'scores'])
  const names = { dtype: 'string', dims: [3], data: ['cat', 'dog', 'cat'] } as const
  expect(outputsOf({ boxes, scores, labels: names })).toEqual(['boxes', 'scores'])
})

test('of several lists the one that finds most is told; one that a later row breaks is none', () => {
  const [few, many] = [table([A, LOW]).found!, table([A, B, C]).found!]
  expect(outputsOf({ few, many })).toEqual(['many'])
  expect(outputsOf(table([A, B, C]), table([B, A, C]))).toEqual([])
})

test.each<[string, RowOutputs]>([
  ['scores that rise', table([B, A, C])],
  ['a class that is none', table([A, [...B.slice(0, 5), 0.5] as unknown as Box, C])],
  ['centres and sizes', table([A, [100, 20, 40, 60, 0.6, 0], C])],
  ['scores above 1', table([[...A.slice(0, 4), 9, 2] as unknown as Box, B])],
  ['scores of six classes', { y: floats([6], [0.9, 0.05, 0.02, 0.01, 0.01, 0.01]) }],
  [
    'boxes of all places',
    {
      boxes: floats(
        [3, 4],
        [A, B, C].flatMap((box) => box.slice(0, 4)),
      ),
      scores: floats([3], [0.1, 0.9, 0.2]),
    },
  ],
  ['nothing found that counts', table([LOW, LOW])],
  ['boxes without width', table([A, [20, 20, 20, 80, 0.6, 0], C])],
  ['boxes without height', table([A, [20, 20, 80, 20, 0.6, 0], C])],
  ['six numbers on every row', { y: floats([6], A) }],
  [
    'whole numbers',
    { y: { dtype: 'int64', dims: [2, 6], data: BigInt64Array.from([...A, ...B], (n) => BigInt(Math.ceil(n))) } },
  ],
  ['two maps of boxes', { y: floats([2, 6, 2], [...A, ...B, ...A, ...B]) }],
  [
    'more scores than boxes',
    { boxes: floats([2, 4], [...A.slice(0, 4), ...B.slice(0, 4)]), scores: floats([3], [0.9, 0.6, 0.4]) },
  ],
  [
    'scores of a grid',
    {
      boxes: floats(
        [4, 4],
        [A, B, C, LOW].flatMap((box) => box.slice(0, 4)),
      ),
      scores: floats([2, 2], [0.9, 0.6, 0.4, 0.1]),
    },
  ],
])('%s are no such list', (_, outputs) => {
  expect(outputsOf(outputs)).toEqual([])
})
