import { expect, test } from 'vitest'
import type { TensorValue } from '../engine/index.ts'
import { differences } from './differences.ts'
import { askedWords, heard, keptWords, lowestSqnrDb } from './noise/lowest-sqnr.ts'
import type { RowOutputs } from './outputs/row-outputs.ts'

const value = (dtype: 'float32' | 'float64', data: Float32Array | Float64Array): TensorValue => ({
  dtype,
  dims: [2, data.length / 2],
  data,
})

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

/** What the sums are, element by element. */
function expected(pairs: readonly (readonly [number, number])[]) {
  let [signal, noise, maxAbs] = [0, 0, 0]
  for (const [a, b] of pairs) {
    if (Number.isNaN(a) || (a === b && !Number.isFinite(a))) continue
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      noise = inf
      continue
    }
    signal += a * a
    noise += (a - b) ** 2
    maxAbs = Math.max(maxAbs, Math.abs(a - b))
  }
  // Decibels without end are no JSON: they would be null there, which says that nothing differs.
  const sqnrDb = noise === 0 ? null : Math.min(300, Math.max(-300, 10 * Math.log10(signal / noise)))
  return { sqnrDb, maxAbs }
}

const ordinary = Array.from({ length: 40 }, (_, i): [number, number] => [Math.sin(i), Math.sin(i) + (i % 3) / 64])
const cases: readonly (readonly [string, (readonly [number, number])[], { identical: boolean; broken: boolean }])[] = [
  ['ordinary numbers', ordinary, { identical: false, broken: false }],
  ['the same numbers', ordinary.map(([a]) => [a, a] as const), { identical: true, broken: false }],
  [
    'zeros of either sign',
    [
      [0, -0],
      [1, 1],
    ],
    { identical: true, broken: false },
  ],
  [
    'differences whose squares vanish',
    [
      [1e-200, 2e-200],
      [0, 0],
    ],
    { identical: false, broken: false },
  ],
  [
    'squares beyond all numbers',
    [
      [1e200, 1e200],
      [3, 2],
    ],
    { identical: false, broken: false },
  ],
  ['NaN in both', [...ordinary.map(([a]) => [a, a] as const), [nan, nan], [1, 1]], { identical: true, broken: false }],
  [
    'the same infinity',
    [
      [inf, inf],
      [-inf, -inf],
    ],
    { identical: true, broken: false },
  ],
  [
    'infinities of either sign',
    [
      [inf, -inf],
      [2, 2],
    ],
    { identical: false, broken: false },
  ],
  ['NaN where the baseline has a number', [...ordinary, [1, nan], [2, 3]], { identical: false, broken: true }],
  [
    'a number where the baseline has infinity',
    [
      [inf, 2],
      [1, 1],
    ],
    { identical: false, broken: false },
  ],
  [
    'a number where the baseline has none',
    [
      [nan, 1],
      [5, 4],
      [1, 1],
    ],
    { identical: false, broken: false },
  ],
]

test.each(cases)('%s are told apart element by element', (_, pairs, said) => {
  const [a, b] = [0, 1].map((side) =>
    value(
      'float64',
      Float64Array.from(pairs, (pair) => pair[side]!),
    ),
  )
  const seen = differences()
  expect(seen.add({ y: a! }, { y: b! })).toMatchObject(said)
  const { sqnrDb, maxAbs } = seen.outputs()[0]!
  expect({ sqnrDb, maxAbs }).toEqual(expected(pairs))
})

test('rows add up in their order, and the greatest difference of all of them counts', () => {
  const seen = differences()
  let [signal, noise] = [0, 0]
  for (const scale of [3, 1, 2]) {
    const x = Float32Array.from(ordinary, ([a]) => a * scale)
    const y = Float32Array.from(ordinary, ([, b]) => b * scale)
    seen.add({ y: value('float32', x) }, { y: value('float32', y) })
    let [ofRow, off] = [0, 0]
    for (let i = 0; i < x.length; i++) {
      ofRow += x[i]! * x[i]!
      off += (x[i]! - y[i]!) * (x[i]! - y[i]!)
    }
    signal += ofRow
    noise += off
  }
  const { sqnrDb, maxAbs } = seen.outputs()[0]!
  expect(sqnrDb).toBe(10 * Math.log10(signal / noise))
  expect(maxAbs).toBeCloseTo(6 / 64, 5)
})

test('a row of huge numbers decides what all rows keep together, not what most of them keep', () => {
  const found = differences()
  const row = (scale: number, error: number) => {
    const base = Float64Array.from({ length: 8 }, (_, i) => scale * (i + 1))
    const other = base.map((x) => x * (1 + error))
    found.add({ y: value('float64', base) }, { y: value('float64', other) })
  }
  for (let i = 0; i < 39; i++) row(1, i % 2 === 0 ? 0.01 : 0.02)
  row(1000, 0.5)
  const [{ sqnrDb, typicalDb, noiseRows }] = found.outputs() as [ReturnType<typeof found.outputs>[number]]
  expect(sqnrDb).toBeCloseTo(-20 * Math.log10(0.5), 3)
  expect(10 ** (-typicalDb! / 10)).toBeCloseTo((20 * 0.01 ** 2 + 19 * 0.02 ** 2) / 39, 8)
  expect(noiseRows).toBeCloseTo(1, 3)
  const even = differences()
  for (let i = 0; i < 6; i++)
    even.add({ y: value('float64', new Float64Array([2, 0])) }, { y: value('float64', new Float64Array([1, 0])) })
  expect(even.outputs()[0]!.noiseRows).toBeCloseTo(6, 9)
  expect(even.outputs()[0]!.typicalDb).toBe(even.outputs()[0]!.sqnrDb)
  // Squares beyond all numbers tell nothing of rows.
  const beyond = differences()
  for (const size of [1, 1e200])
    beyond.add(
      { y: value('float64', new Float64Array([size, size])) },
      { y: value('float64', new Float64Array([size, 0])) },
    )
  expect(Object.keys(beyond.outputs()[0]!)).toEqual(['name', 'sqnrDb', 'maxAbs'])
  const same = differences()
  same.add({ y: value('float64', new Float64Array([2, 0])) }, { y: value('float64', new Float64Array([2, 0])) })
  expect(same.outputs()).toEqual([{ name: 'y', sqnrDb: null, maxAbs: 0 }])
})

test('a row with another number of elements is noise as large as it is itself, wherever it stands', () => {
  const of = (...data: readonly number[]) => ({ y: value('float32', Float32Array.from(data)) })
  const decibels = (odd: number) => {
    const seen = differences()
    for (let row = 0; row < 10; row++) seen.add(of(3, 4), row === odd ? of(3, 4, 3, 4) : of(3, 4))
    return seen.outputs()[0]!.sqnrDb
  }
  expect([0, 5, 9].map(decibels)).toEqual([10, 10, 10])
})

/** A model that answers with a class number or name, beside its scores or alone. */
function answered(pairs: readonly (readonly [number, number])[], scored: boolean, text = false) {
  const seen = differences()
  const outputs = (answer: number) => ({
    label: text
      ? { dtype: 'string' as const, dims: [], data: [`class ${answer}`] }
      : { dtype: 'int64' as const, dims: [1], data: BigInt64Array.of(BigInt(answer)) },
    ...(scored ? { scores: { dtype: 'float32' as const, dims: [2], data: Float32Array.of(1, answer) } } : {}),
  })
  for (const [base, candidate] of pairs) seen.add(outputs(base), outputs(candidate))
  return seen.outputs()
}

test.each([false, true])(
  'a class number or name is the same or it is not, however near another is (text: %s)',
  (text) => {
    const changing = (to: number) => Array.from({ length: 100 }, (_, i): [number, number] => [500, i < 10 ? to : 500])
    // One row in ten changed, ten times what close allows: to a neighbour as to a class far away.
    for (const to of [501, 3]) expect(answered(changing(to), false, text)[0]!.sqnrDb).toBeCloseTo(25 - 20, 9)
    expect(answered(changing(501), false, text)[0]).toMatchObject({ answer: true })
    expect(answered(changing(501), false, text)[0]).not.toHaveProperty('named')
    // Beside the scores that it is the name of, nobody asks how near it is.
    const [label, scores] = answered(changing(501), true, text)
    expect(label).toMatchObject({ name: 'label', named: true })
    expect(scores).not.toHaveProperty('named')
    expect(scores).not.toHaveProperty('answer')
    expect(heard({ outputs: [label!, scores!] })).toEqual([scores])
    expect(lowestSqnrDb({ outputs: [label!, scores!] })).toBe(scores!.sqnrDb)
    expect(scores!.sqnrDb).toBeGreaterThan(50)
  },
)

test('classes of places are the same or they are not, and their share is told', () => {
  const map = (dtype: 'int64' | 'int32' | 'uint8', of: (i: number) => number) => {
    const numbers = Array.from({ length: 400 }, (_, i) => of(i))
    const data =
      dtype === 'int64'
        ? BigInt64Array.from(numbers, BigInt)
        : dtype === 'int32'
          ? Int32Array.from(numbers)
          : Uint8Array.from(numbers)
    return { map: { dtype, dims: [20, 20], data } as TensorValue }
  }
  for (const dtype of ['int64', 'int32'] as const) {
    // A twentieth became a class near by number, or one far away: as many changed.
    for (const to of [19, 3]) {
      const seen = differences()
      for (let row = 0; row < 3; row++)
        expect(
          seen.add(
            map(dtype, () => 20),
            map(dtype, (i) => (i % 20 === 7 ? to : 20)),
          ),
        ).toMatchObject({ identical: false })
      const [output] = seen.outputs()
      expect(output!.equal).toBeCloseTo(0.95, 12)
      expect(output!.sqnrDb).toBeCloseTo(25 - 20 * Math.log10(5), 9)
      expect(seen.dense()).toEqual(['map'])
      expect(keptWords(output!)).toBe('95 % of its numbers')
      expect(askedWords(output!, 25)).toBe('99 %')
    }
  }
  // Of pixels, which are amounts, one that is near is nearly the same.
  const pixels = differences()
  pixels.add(
    map('uint8', () => 200),
    map('uint8', () => 199),
  )
  expect(pixels.outputs()[0]).not.toHaveProperty('equal')
  expect(pixels.outputs()[0]!.sqnrDb).toBeGreaterThan(45)
})

test('boxes in a sorted list are counted, however few decibels are left of its numbers', () => {
  const box = (i: number, score: number) => [10 * i, 20, 10 * i + 8, 30, score, i % 3]
  const list = (entries: readonly (readonly number[])[]): RowOutputs => ({
    found: { dtype: 'float32', dims: [entries.length, 6], data: Float32Array.from(entries.flat()) },
  })
  const entries = Array.from({ length: 12 }, (_, i) => box(i, 0.9 - 0.05 * i))
  const others = (change: (entry: readonly number[], i: number) => readonly number[]) =>
    list(entries.map(change).toSorted((a, b) => b[4]! - a[4]!))
  const of = (rows: number, candidate: RowOutputs) => {
    const seen = differences()
    for (let row = 0; row < rows; row++) seen.add(list(entries), row === 0 ? candidate : others((entry) => entry))
    expect(seen.dense()).toEqual(['found'])
    return seen.outputs()[0]!
  }
  // All change places.
  const swapped = others((entry, i) => [...entry.slice(0, 4), entry[4]! + (i % 2 === 0 ? -0.03 : 0.03), entry[5]!])
  expect(of(10, swapped)).toMatchObject({ boxes: { compared: 120, changed: 0 } })
  expect(of(10, swapped).sqnrDb).toBeGreaterThan(38)
  expect(keptWords(of(10, swapped))).toBe('all 120 of its boxes')
  // One of another class is one lost and one new: of 102, a little less than the 99 % that are near.
  const oneOff = others((entry, i) => (i === 3 ? [...entry.slice(0, 5), 5] : entry))
  expect(of(8, oneOff)).toMatchObject({ boxes: { compared: 97, changed: 2 } })
  expect(of(8, oneOff).sqnrDb).toBeCloseTo(25 - 20 * Math.log10(200 / 97), 9)
  expect(of(17, oneOff).sqnrDb).toBeGreaterThan(25)
  // They stand in one row of eight, which is no row of large numbers.
  expect(of(8, oneOff).noiseRows).toBe(1)
  expect(of(8, oneOff)).not.toHaveProperty('typicalDb')
  expect(keptWords(of(8, oneOff))).toBe('97.93 % of its 97 boxes')
  expect(askedWords(of(8, oneOff), 25)).toBe('99 %')
  // Nine are too few to count.
  const few = differences()
  few.add(list(entries.slice(0, 9)), list(entries.slice(0, 9).map((entry) => [entry[0]! + 1, ...entry.slice(1)])))
  expect(few.outputs()[0]).not.toHaveProperty('boxes')
  // What is the very same is the very same.
  expect(of(2, list(entries))).toEqual({ name: 'found', sqnrDb: null, maxAbs: 0 })
})
