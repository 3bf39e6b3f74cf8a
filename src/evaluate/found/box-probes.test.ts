import { expect, test } from 'vitest'
import type { Session, TensorValue } from '../../engine/index.ts'
import { measureSensitivity } from '../noise/sensitivity.ts'

const [PLACES, WIDTH, HEIGHT, ROWS] = [12, 60, 40, 3]

/** Twelve places, turned as YOLOv8 gives them: boxes of 60 by 40 pixels apart; every third holds something. */
function output(scores: (place: number) => readonly number[]): TensorValue {
  const places = Array.from({ length: PLACES }, (_, place) => [50 + 70 * place, 300, WIDTH, HEIGHT, ...scores(place)])
  const columns = places[0]!.length
  const data = Float32Array.from(Array.from({ length: columns }, (_, c) => places.map((numbers) => numbers[c]!)).flat())
  return { dtype: 'float32', dims: [1, columns, PLACES], data }
}

/** What is foretold of roundings that change the output so. */
async function noiseOf(value: TensorValue, changes: readonly ((place: number, column: number) => number)[]) {
  const deltas = changes.map((change) =>
    Float32Array.from(value.data as Float32Array, (_, at) => change(at % PLACES, Math.floor(at / PLACES))),
  )
  const projected = (weights: ArrayLike<number>) =>
    Float32Array.from(deltas, (delta) => delta.reduce((sum, change, at) => sum + change * weights[at]!, 0))
  const base = { run: async () => ({ output0: value }) } as unknown as Session
  const back: Pick<Session, 'run'> = {
    run: async (feeds) => ({
      sums: { dtype: 'float32', dims: [deltas.length], data: projected(feeds.seed!.data as Float32Array) },
    }),
  }
  const sources = deltas.map((_, i) => ({ kind: 'value' as const, name: `v${i}`, noise: 0 }))
  const { sources: heard } = await measureSensitivity(
    base,
    { session: back, seeds: new Map([['output0', 'seed']]), projections: 'sums', sources },
    () => Array.from({ length: ROWS }, () => ({})),
    { rows: ROWS, weightings: 1 },
  )
  return heard.map(({ noise }) => noise)
}

const classes = (place: number) => (place % 3 === 0 ? [0.9, 0.02] : [0.01, 0.1])
/** Of four boxes with five quantities each. */
const QUANTITIES = 20

test('what changes no box is not heard, however loud; a quantity counts as part of what it may change by', async () => {
  const atOne = (column: number, change: number) => (place: number, c: number) =>
    place === 3 && c === column ? change : 0
  const noise = await noiseOf(output(classes), [
    (place, column) => (place % 3 !== 0 && column < 4 ? 50 : 0),
    atOne(5, 0.05),
    atOne(4, 0.05),
    // Three quarters of their union are left at a seventh of the side apart, to first order at an eighth.
    atOne(0, WIDTH / 8),
    atOne(1, HEIGHT / 16),
    atOne(3, HEIGHT / 4),
  ])
  const expected = [0, 0, 0.25, 1, 0.25, 1].map((square) => square / QUANTITIES)
  noise.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 6)
  })
})

test('objectness times the class: each counts with the other', async () => {
  const value = output((place) => (place % 3 === 0 ? [0.8, 0.9, 0.5] : [0.01, 0.9, 0.1]))
  const at = (column: number) => (place: number, c: number) => (place === 0 && c === column ? 0.05 : 0)
  const noise = await noiseOf(value, [at(4), at(5)])
  // Its other class is a box of its own (0.8 · 0.5): objectness moves both, and signs are drawn apart.
  const boxes = 8
  expect(noise[1]).toBeCloseTo((0.8 * 0.5) ** 2 / (5 * boxes), 6)
  expect(noise[0]).toBeGreaterThan(0)
  expect(noise[0]).toBeLessThanOrEqual((0.9 * 0.5 + 0.5 * 0.5) ** 2 / (5 * boxes))
})

test('a box without a side is heard as one of a pixel', async () => {
  const value = output(classes)
  const numbers = value.data as Float32Array
  numbers[2 * PLACES + 3] = 0
  const moved = (column: number) => (place: number, c: number) => (place === 3 && c === column ? 0.125 : 0)
  const noise = await noiseOf(value, [moved(0), moved(4)])
  expect(noise[0]).toBeCloseTo(1 / QUANTITIES, 6)
  expect(noise[1]).toBeCloseTo(1.25 ** 2 / QUANTITIES, 6)
})

test('next to no boxes: what the output changes by as a whole', async () => {
  const value = output(() => [0.01, 0.02])
  const numbers = value.data as Float32Array
  const power = numbers.reduce((sum, x) => sum + x * x, 0)
  const [noise] = await noiseOf(value, [(place, column) => (place === 1 && column === 0 ? 5 : 0)])
  expect(noise).toBeCloseTo(25 / power, 8)
})
