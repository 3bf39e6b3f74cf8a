import { expect, test } from 'vitest'
import { judgeSlices } from './slice-verdicts.ts'
import { fieldOfSlice, namesRows, slicesOf, sliceValues } from './slices.ts'

test('one slice a value, in a natural order', () => {
  expect(slicesOf('size', [10, 2, 10, 2, 2])).toEqual([
    { field: 'size', name: 'size=2', rows: [1, 3, 4] },
    { field: 'size', name: 'size=10', rows: [0, 2] },
  ])
  expect(slicesOf('font', ['serif', 'mono', 'serif']).map(({ name }) => name)).toEqual(['font=mono', 'font=serif'])
})

test('many numbers are cut at the quartiles, every row in exactly one', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1)
  const slices = slicesOf('age', values)
  expect(slices.map(({ name, rows }) => [name, rows.length])).toEqual([
    ['age≤25', 25],
    ['25<age≤50', 25],
    ['50<age≤75', 25],
    ['age>75', 25],
  ])
  const odd = slicesOf('x', [...values, Number.NaN, 1e9])
  expect(odd.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual(Array.from({ length: 102 }, (_, i) => i))
  expect(odd.find(({ name }) => name === 'x=NaN')!.rows).toEqual([100])
})

test('many texts: the most frequent keep a slice, the rest share one', () => {
  const values = Array.from({ length: 60 }, (_, i) => (i < 30 ? `t${i % 3}` : `u${i}`))
  const slices = slicesOf('id', values)
  expect(slices).toHaveLength(21)
  expect(slices.at(-1)!.name).toBe('id: 13 other values')
  expect(slices.reduce((sum, { rows }) => sum + rows.length, 0)).toBe(60)
})

test('the field that a slice is of, whatever signs its name holds', () => {
  const fields = ['x', 'a=b', 'a', '<20>', 'age ≤ 30', 'light: day']
  const many = Array.from({ length: 100 }, (_, i) => i)
  const texts = many.map((i) => `t${i}`)
  for (const field of fields) {
    expect(fieldOfSlice(field, fields)).toBe(field)
    for (const values of [many, many.map((i) => i % 3), texts])
      for (const { name } of slicesOf(field, values)) expect([name, fieldOfSlice(name, fields)]).toEqual([name, field])
  }
  // Where no field is so called, what a reader would take for its name.
  for (const name of ['lihgt=day', 'lihgt≤3', '2<lihgt≤3', 'lihgt']) expect(fieldOfSlice(name, fields)).toBe('lihgt')
})

test('a field that names its rows is told from one that tells groups', () => {
  const many = Array.from({ length: 30 }, (_, i) => 10_000 + i)
  for (const name of ['customer_id', 'customerId', 'Customer ID', 'uuid', 'ID'])
    expect(namesRows(name, many)).toBe(true)
  expect(namesRows('mail', many.map(String))).toBe(true)
  // A time, a word that ends alike, a fraction, a group of several rows, and too few rows to say.
  for (const name of ['seconds', 'humid', 'valid']) expect(namesRows(name, many)).toBe(false)
  expect(
    namesRows(
      'ph_id',
      many.map((value) => value + 0.5),
    ),
  ).toBe(false)
  expect(namesRows('store_id', [...many, 10_000])).toBe(false)
  expect(namesRows('customer_id', many.slice(0, 20))).toBe(false)
})

test('values of a column, arrays joined', () => {
  expect(sliceValues({ dtype: 'int64', dims: [2], data: new BigInt64Array([5n, 6n]) }, 2)).toEqual([5, 6])
  expect(sliceValues({ dtype: 'uint8', dims: [2, 2], data: new Uint8Array([1, 2, 3, 4]) }, 2)).toEqual(['1 2', '3 4'])
})

test('a slice of three rows is inconclusive; a damaged one is named; many small ones do not cry wolf', () => {
  const rule = { alpha: 0.05, seed: 0, marginOf: () => 0.01, declared: new Set(['g']) }
  const right = (rows: readonly number[], lost: ReadonlySet<number>) => ({
    base: rows.map(() => 1),
    candidate: rows.map((row) => (lost.has(row) ? 0 : 1)),
    higherIsBetter: true,
    rightOrWrong: true,
  })
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  const slices = [
    { field: 'g', name: 'g=tiny', rows: range(0, 3) },
    { field: 'g', name: 'g=damaged', rows: range(3, 403) },
    { field: 'g', name: 'g=fine', rows: range(403, 1403) },
  ]
  const lost = new Set(range(10, 50))
  const results = judgeSlices(slices, (rows) => right(rows, lost), rule)
  expect(results.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['g=tiny', 'inconclusive'],
    ['g=damaged', 'regressed'],
    ['g=fine', 'pass'],
  ])
  expect(results[0]!.requiredN).toBeGreaterThanOrEqual(268)
  // 5 losses of 40 rows are significant alone (p = 1/64), and no news in one of fifty slices.
  const small = range(0, 50).map((i) => ({ field: 'g', name: `g=${i}`, rows: range(i * 40, i * 40 + 40) }))
  const five = new Set(range(0, 5))
  const alone = judgeSlices(small.slice(0, 1), (rows) => right(rows, five), rule)
  expect(alone[0]!.verdict).toBe('regressed')
  const among = judgeSlices(small, (rows) => right(rows, five), rule)
  expect(among.filter(({ verdict }) => verdict === 'regressed')).toEqual([])
  expect(among[0]!.requiredN).toBeGreaterThan(40)
})

test('integers beyond 2^53 stay apart, and codes with zeros in front of them', () => {
  const long = (data: BigInt64Array | BigUint64Array, dtype: 'int64' | 'uint64') =>
    slicesOf('id', sliceValues({ dtype, dims: [data.length], data }, data.length)).map(({ name }) => name)
  const [low, high] = [2n ** 53n, 2n ** 53n + 1n]
  expect(long(BigInt64Array.of(low, high, 7n), 'int64')).toEqual(['id=7', `id=${low}`, `id=${high}`])
  expect(long(BigUint64Array.of(2n ** 64n - 1n, 2n ** 64n - 2n), 'uint64')).toHaveLength(2)
  const codes = sliceValues({ dtype: 'string', dims: [2], data: ['007', '7'] }, 2)
  expect(
    slicesOf('id', codes)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['id=007', 'id=7'])
})
