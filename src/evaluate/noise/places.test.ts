import { expect, test } from 'vitest'
import type { TensorValue } from '../../engine/index.ts'
import { differences } from '../differences.ts'
import { hiddenPlaces } from './lowest-sqnr.ts'
import { PlaceTally } from './places.ts'

const FEATURES = 32

/** One row of places, whose numbers are of these sizes and err by so much of one. */
const row = (sizes: readonly number[], error: number): readonly [TensorValue, TensorValue] => {
  const data = Float32Array.from({ length: sizes.length * FEATURES }, (_, i) =>
    i % 2 === 0 ? sizes[Math.floor(i / FEATURES)]! : -sizes[Math.floor(i / FEATURES)]!,
  )
  const of = (numbers: Float32Array): TensorValue => ({
    dtype: 'float32',
    dims: [sizes.length, FEATURES],
    data: numbers,
  })
  return [of(data), of(data.map((number) => number + error))]
}

const median = (...rows: (readonly [TensorValue, TensorValue])[]) => {
  const tally = new PlaceTally()
  for (const [base, candidate] of rows) tally.add(base, candidate)
  return tally.medianDb
}

test('the middle place is heard, however large another is', () => {
  // A tenth of each number is 20 dB, a ten thousandth 80.
  expect(median(row([1000, 1, 1, 1, 1], 0.1))).toBeCloseTo(20, 1)
  expect(median(row([1000, 1000, 1000, 1], 0.1))).toBeCloseTo(80, 1)
  expect(median(row([1, 1], 0.1), row([10, 10, 10], 0.1))).toBeCloseTo(40, 1)
})

test('places that hold nothing are none, and neither are boxes, single vectors or other types', () => {
  expect(median(row([0, 0, 0, 1], 0), row([1], 0.1))).toBe(300)
  const [base, candidate] = row([1, 1], 0.1)
  for (const dims of [[64], [1, 64], [8, 8], [2, 4, 8]])
    expect(
      median([
        { ...base, dims },
        { ...candidate, dims },
      ]),
    ).toBeNull()
  const whole = (value: TensorValue): TensorValue => ({
    ...value,
    dtype: 'int32',
    data: Int32Array.from(value.data as Float32Array),
  })
  expect(median([whole(base), whole(candidate)])).toBeNull()
  expect(median()).toBeNull()
})

test('an output is told of where large places hide that most are far off, and only there', () => {
  const found = (sizes: readonly number[], error: number) => {
    const sums = differences()
    const [base, candidate] = row(sizes, error)
    sums.add({ hidden: base }, { hidden: candidate })
    return hiddenPlaces({ outputs: sums.outputs() })
  }
  expect(found([1000, 1, 1, 1], 0.1)).toMatchObject({ name: 'hidden', placesDb: 20 })
  // Near everywhere; or as far off as all together are, which the verdict sees by itself.
  expect(found([1000, 1, 1, 1], 0.01)).toBeUndefined()
  expect(found([1, 1, 1, 1], 0.1)).toBeUndefined()
})
