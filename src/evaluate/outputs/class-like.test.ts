import { expect, test } from 'vitest'
import type { Dim } from '../../ir/index.ts'
import { isClassLike, scoresSteps, sequencesIn } from './class-like.ts'
import type { RowOutputs } from './row-outputs.ts'

/** Outputs of one row, without the axis of the batch. */
const outputs = (shapes: Readonly<Record<string, readonly number[]>>): RowOutputs =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, dims]) => [
      name,
      { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) },
    ]),
  )

const answers = (shapes: Readonly<Record<string, readonly number[]>>) => {
  const row = outputs(shapes)
  return Object.keys(row).filter((name) => isClassLike(name, row))
}

test.each([
  ['YuNet', { cls_8: [1600, 1], obj_8: [1600, 1], bbox_8: [1600, 4], kps_8: [1600, 10] }],
  ['BlazeFace', { classificators: [896, 1], regressors: [896, 16] }],
  ['a one-class RetinaNet with numbers for names', { '543': [120, 1], '544': [120, 4] }],
  ['a head whose places come last', { a: [1, 8400], b: [4, 8400] }],
  ['boxes and scores in no order', { out_0: [50, 4], out_1: [50] }],
  ['points', { output_0: [50], landmarks: [50, 10] }],
  ['one sigmoid for each step beside the states of the steps', { p: [30, 1], h: [30, 64] }],
])('of %s no score is an answer: they are those of places', (_, shapes) => {
  expect(answers(shapes)).toEqual([])
})

test.each([
  ['a classifier', { y: [10] }, ['y']],
  ['one of two classes', { y: [2] }, ['y']],
  ['one that keeps the picture’s axes', { y: [1000, 1, 1] }, ['y']],
  ['one that keeps the axis of a line', { y: [12, 1] }, ['y']],
  ['one beside the map that its classes have in the picture', { y: [10], map: [10, 7, 7] }, ['y']],
  ['the same in one shape', { y: [10, 1, 1], map: [10, 7, 7] }, ['y']],
  ['one beside a vector for each class', { y: [10], queries: [10, 64] }, ['y']],
  ['one beside what it says after each step', { y: [1, 10], steps: [20, 10] }, ['y']],
  ['two heads', { age: [8], kind: [2] }, ['age', 'kind']],
  ['one beside its embedding', { y: [10], embedding: [64] }, ['y']],
  ['the ends of an answer in a text', { start: [128], end: [128], last_hidden_state: [128, 768] }, ['start', 'end']],
])('of %s the greatest score is the answer', (_, shapes, expected) => {
  expect(answers(shapes as Record<string, readonly number[]>)).toEqual(expected)
})

test('one number for each step of an input is a sequence, one for each class is not', () => {
  const port = (name: string, shape: readonly Dim[]) => ({ name, dtype: 'float32' as const, shape })
  const sequences = (output: readonly Dim[], input: readonly Dim[]) =>
    scoresSteps([port('y', output)], [port('x', input)]).has('y')
  expect(sequences(['N', 'T', 1], ['N', 'T', 40])).toBe(true)
  expect(sequences([1, 100, 1], [1, 100])).toBe(true)
  expect(sequences(['N', 12, 1], ['N', 2, 5000])).toBe(false)
  expect(sequences(['N', 3, 1], ['N', 3, 224, 224])).toBe(false)
  expect(sequences(['N', 10], ['N', 10])).toBe(false)
  expect(sequences([null, null, 1], [null, null, 8])).toBe(false)
})

test('one number for each moment of a sound is a wave, where it cannot be an alphabet', () => {
  const port = (name: string, shape: readonly Dim[]) => ({ name, dtype: 'float32' as const, shape })
  const wave = (output: readonly Dim[], input: readonly Dim[]) =>
    scoresSteps([port('y', output)], [port('x', input)]).has('y')
  expect(wave(['N', 1, 8192], ['N', 1, 8192])).toBe(true)
  expect(wave(['N', 1, 'T'], ['N', 2, 'T'])).toBe(true)
  // The next byte after one byte.
  expect(wave(['N', 1, 256], ['N', 1, 256])).toBe(false)
  // Classes of a sound, and scores beside features.
  expect(wave(['N', 1, 1000], ['N', 1, 8192])).toBe(false)
  expect(wave(['N', 1, null], ['N', 1, null])).toBe(false)
  expect(wave(['N', 1000], ['N', 1000])).toBe(false)
  expect(wave(['N', 2, 8192], ['N', 1, 8192])).toBe(false)
})

test('where a model leaves the length of a sound open, a row tells that its wave is as long', () => {
  const wave = (length: number) =>
    sequencesIn(
      {
        inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1, 'T'] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1, 'Addy_dim_2'] }],
      },
      { fields: [{ name: 'x', role: 'input', dtype: 'float32', rowShape: [1, 8192] }] },
      outputs({ y: [1, length] }),
    ).has('y')
  expect(wave(8192)).toBe(true)
  expect(wave(8191)).toBe(false)
})

test('where a model does not say its sizes, a row tells whether there is a number for each step', () => {
  const port = (name: string, shape: readonly Dim[] | null) => ({ name, dtype: 'float32' as const, shape })
  const sequence = (
    answer: readonly number[],
    row: readonly (number | null)[],
    axes: readonly Dim[] | null,
    steps: Dim = axes?.[1] ?? null,
  ) =>
    sequencesIn(
      {
        inputs: [port('x', axes && [...axes, 'F'])],
        outputs: [port('y', axes && [axes[0]!, steps, 1])],
      },
      { fields: [{ name: 'x', role: 'input', dtype: 'float32', rowShape: row }] },
      outputs({ y: answer }),
    ).has('y')
  expect(sequence([40, 1], [40, 8], null)).toBe(true)
  expect(sequence([40, 1], [40], null)).toBe(true)
  expect(sequence([40, 1], [40, 8], [null, null])).toBe(true)
  expect(sequence([12, 1], [40, 8], null)).toBe(false)
  expect(sequence([10], [10], null)).toBe(false)
  expect(sequence([1, 1], [1, 8], null)).toBe(false)
  expect(sequence([12, 1], [12, 8], ['N', 'T'], 12)).toBe(false)
  // Rows of many lengths: by the names of the axes, where it has any.
  expect(sequence([40, 1], [null, 8], ['N', 'T'])).toBe(true)
  expect(sequence([40, 1], [null, 8], null)).toBe(false)
})
