import { expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { differences } from '../differences.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { foundBoxes } from './found-boxes.ts'

const PLACES = 12

/** Twelve places: boxes of 60 by 40 pixels side by side, and what stands behind each. */
function output(behind: (place: number) => readonly number[], turned = false): RowOutputs {
  const places = Array.from({ length: PLACES }, (_, place) => [50 + 70 * place, 300, 60, 40, ...behind(place)])
  const columns = places[0]!.length
  const numbers = turned ? places[0]!.flatMap((_, column) => places.map((place) => place[column]!)) : places.flat()
  const value: TensorValue = {
    dtype: 'float32',
    dims: turned ? [columns, PLACES] : [PLACES, columns],
    data: Float32Array.from(numbers),
  }
  return { output0: value }
}

const counts = (base: RowOutputs, candidate: RowOutputs, rows = 4) => {
  const found = foundBoxes()
  for (let row = 0; row < rows; row++) found.add(base, candidate)
  return { outputs: found.outputs, first: found.rows[0] }
}

/** The same with one number in the place of another. */
function changed({ output0 }: RowOutputs, place: number, column: number, number: number, turned = false): RowOutputs {
  const data = Float32Array.from(output0!.data as Float32Array)
  data[turned ? column * PLACES + place : (place * data.length) / PLACES + column] = number
  return { output0: { ...output0!, data } as TensorValue }
}

/** Every third place holds something, of class 0 and 2 by turns. */
const classes = (place: number) =>
  place % 3 === 0 ? (place % 2 === 0 ? [0.9, 0.02, 0.1] : [0.1, 0.03, 0.8]) : [0.01, 0, 0.02]
const withObjectness = (place: number) =>
  place % 3 === 0 ? [0.95, 0.9, 0.05, 0.05] : place % 3 === 1 ? [0.01, 0.8, 0.1, 0.1] : [0.02, 0, 0, 0]

test.each([false, true])('classes behind the box, turned %s: boxes that stay are the same', (turned) => {
  const base = output(classes, turned)
  const nearly = output((place) => classes(place).map((score) => score * 0.95), turned)
  expect(counts(base, nearly)).toEqual({ outputs: ['output0'], first: { boxes: 4, changed: 0 } })
  // Place 6 is of another class: one lost, one new.
  const other = output((place) => (place === 6 ? [0.1, 0.9, 0.1] : classes(place)), turned)
  expect(counts(base, other).first).toEqual({ boxes: 5, changed: 2 })
})

test('objectness is no class: what it rules out is no box, whatever its class would be', () => {
  const base = output(withObjectness)
  // At the places without an object the classes change by 0.8.
  const others = output((place) => (place % 3 === 1 ? [0.01, 0, 0.1, 0.9] : withObjectness(place)))
  expect(counts(base, others).first).toEqual({ boxes: 4, changed: 0 })
  // A class changes where there is one: 0.95 · 0.9 is lost, and new as another.
  const changed = output((place) => (place === 3 ? [0.95, 0.05, 0.9, 0.05] : withObjectness(place)))
  expect(counts(base, changed).first).toEqual({ boxes: 5, changed: 2 })
})

test.each([false, true])('a single place tells whether the first score is how sure it is, turned %s', (turned) => {
  const others = (place: number) => (place % 3 === 0 ? [0.1, 0.9, 0.1] : [0.01, 0, 0.02])
  const none = output(others, turned)
  for (const place of [0, 11]) {
    // With objectness the second column is class 0, and a low objectness makes few boxes of many.
    const sure = changed(changed(none, place, 4, 0.9, turned), place, 5, 0.9, turned)
    expect(counts(sure, sure, 12).first).toEqual({ boxes: 1, changed: 0 })
    const alone = changed(changed(none, place, 4, 0.9, turned), place, 5, 0.1, turned)
    expect(counts(alone, alone).first!.boxes).toBeGreaterThan(3)
  }
})

test('places of any size are boxes where one is larger than a pixel both ways', () => {
  const large = output(classes)
  const empty = changed(changed(large, 1, 2, 0), 1, 3, 0)
  expect(counts(empty, empty).first).toEqual({ boxes: 4, changed: 0 })
  const small = (width: number, height: number) => {
    const data = Float32Array.from(large.output0!.data as Float32Array)
    for (let place = 0; place < PLACES; place++) data.set([width, height], 7 * place + 2)
    return { output0: { ...large.output0!, data } as TensorValue }
  }
  expect(counts(small(1.5, 1.5), small(1.5, 1.5)).outputs).toEqual(['output0'])
  for (const [width, height] of [
    [0.5, 0.5],
    [0.5, 40],
    [60, 0.5],
  ] as const)
    expect(counts(small(width, height), small(width, height)).outputs).toEqual([])
})

test.each([
  ['a size below 0', [2, -60]],
  ['another size below 0', [3, -40]],
  ['a size that is no number', [2, Number.NaN]],
  ['a first score beyond 1', [4, 1.5]],
  ['a last score below 0', [6, -0.5]],
] as const)('%s at the first place or the last is in no box beside probabilities', (_, [column, number]) => {
  for (const place of [0, PLACES - 1]) {
    const base = changed(output(classes), place, column, number)
    expect(counts(base, base).outputs).toEqual([])
  }
})

test('a candidate that lacks the output, or gives another form, has lost every box', () => {
  const base = output(classes)
  const plane: TensorValue = { dtype: 'float32', dims: [2, 3, 4], data: new Float32Array(24) }
  for (const candidate of [{}, { output0: plane }])
    expect(counts(base, candidate).first).toEqual({ boxes: 4, changed: 4 })
  // A row of the base that holds no such places is the end of this reading.
  const found = foundBoxes()
  for (const row of [base, base, base, changed(base, 0, 4, 7), base]) found.add(row, row)
  expect(found.outputs).toEqual([])
})

test('doubles of a box count once', () => {
  // The same four boxes, each at three places.
  const tripled = (score: number) => {
    const { data } = output(() => [score]).output0!
    const numbers = Float32Array.from(data as Float32Array)
    for (let place = 0; place < PLACES; place++) numbers[5 * place] = 50 + 70 * Math.floor(place / 3)
    return { output0: { dtype: 'float32', dims: [PLACES, 5], data: numbers } satisfies TensorValue }
  }
  expect(counts(tripled(0.9), tripled(0.88)).first).toEqual({ boxes: 4, changed: 0 })
})

test('all scores are lost beside pixels: 40 dB, and not one box', () => {
  const of = differences()
  for (let row = 0; row < 4; row++)
    of.add(
      output(classes),
      output(() => [0, 0, 0]),
    )
  const [told] = of.outputs()
  expect(told).toMatchObject({ boxes: { compared: 16, changed: 16 } })
  // A share of 1 is a hundred times what close allows: 40 dB below its 25.
  expect(told!.sqnrDb).toBeCloseTo(25 - 40, 6)
})

test('a candidate whose scores are rounded a little above 1 is read', () => {
  const rounded = output((place) => (place % 3 === 0 ? [1.004, 0, 0] : [0, 0, 0]))
  const base = output((place) => (place % 3 === 0 ? [0.99, 0, 0] : [0, 0, 0]))
  expect(counts(base, rounded).first).toEqual({ boxes: 4, changed: 0 })
})

test.each<[string, RowOutputs]>([
  ['scores that are logits', output((place) => (place % 3 === 0 ? [3, -2, 0] : [-5, -4, 0.5]))],
  ['nothing found that counts', output(() => [0.1, 0.2, 0.05])],
  [
    'boxes as shares of the picture, of the size of the scores',
    {
      output0: {
        dtype: 'float32',
        dims: [PLACES, 6],
        data: Float32Array.from({ length: 6 * PLACES }, (_, i) => ((i * 7) % 10) / 10),
      },
    },
  ],
  [
    'offsets and logarithms of sizes',
    {
      output0: {
        dtype: 'float32',
        dims: [PLACES, 6],
        data: Float32Array.from({ length: 6 * PLACES }, (_, i) => [0.5, 1.5, -1.2, 2, 0.9, 0.8][i % 6]!),
      },
    },
  ],
])('%s are no such places', (_, outputs) => {
  expect(counts(outputs, outputs).outputs).toEqual([])
})
