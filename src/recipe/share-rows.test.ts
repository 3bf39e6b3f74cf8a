import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { rowCounts, shareRows } from './share-rows.ts'

const rowsOf = (rows: number) =>
  memoryDataset({ x: { dtype: 'float32', dims: [rows, 1], data: Float32Array.from({ length: rows }, (_, i) => i) } })

test('no row belongs to two phases and none is lost, whatever the number of rows, the seed and the sets given', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 0, max: 1 << 30 }),
      fc.boolean(),
      fc.boolean(),
      async (rows, seed, ownCalibration, ownProof) => {
        const data = await rowsOf(rows)
        const other = await rowsOf(7)
        const sets = { ...(ownCalibration ? { calibration: other } : {}), ...(ownProof ? { proof: other } : {}) }
        const parts = shareRows(data, sets, seed, new Map())
        const spent = Object.values(parts).flatMap((part) => (part.data === data ? part.indices : []))
        expect([...spent].sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i))
        expect(shareRows(data, sets, seed, new Map())).toEqual(parts)
        if (ownProof) expect(parts.prove.indices).toHaveLength(7)
      },
    ),
    { numRuns: 60 },
  )
})

test.each([
  [1, 0, 0, 1],
  [2, 1, 0, 1],
  [3, 1, 1, 1],
  [4, 1, 1, 2],
  [5, 1, 1, 3],
  [8, 1, 2, 5],
  [10, 2, 3, 5],
  [1000, 200, 300, 500],
])('%i rows: %i to calibrate, %i to select, %i to prove', (rows, calibrate, select, prove) => {
  expect(rowCounts(rows, { calibrate: false, prove: false })).toEqual({ calibrate, select, prove })
})

test.each([
  [1, 0, 0, 1],
  [8, 3, 2, 3],
  [24, 8, 7, 9],
  [100, 20, 30, 50],
])('%i rows without labels: %i to calibrate, %i to select, %i to prove', (rows, calibrate, select, prove) => {
  expect(rowCounts(rows, { calibrate: false, prove: false, labelled: false })).toEqual({ calibrate, select, prove })
})

test('sets of their own leave the rows to the other phases', () => {
  expect(rowCounts(80, { calibrate: true, prove: false })).toEqual({ calibrate: 0, select: 30, prove: 50 })
  // 0.3 / 0.8 of 8 is 2.9999… in doubles.
  expect(rowCounts(8, { calibrate: true, prove: false })).toEqual({ calibrate: 0, select: 3, prove: 5 })
  expect(rowCounts(50, { calibrate: false, prove: true })).toEqual({ calibrate: 20, select: 30, prove: 0 })
  expect(rowCounts(7, { calibrate: true, prove: true })).toEqual({ calibrate: 0, select: 7, prove: 0 })
})

test('copies of a row stand in one phase', async () => {
  const data = await rowsOf(40)
  const repeats = new Map(Array.from({ length: 20 }, (_, i) => [20 + i, i]))
  const parts = shareRows(data, {}, 3, repeats)
  const sizes = (['calibrate', 'select', 'prove'] as const).map((phase) => parts[phase].indices.length)
  // Of 20 different rows without labels 8, 6 and 6, and each twice.
  expect(sizes).toEqual([16, 12, 12])
  for (const { indices } of Object.values(parts)) for (const row of indices) expect(indices).toContain((row + 20) % 40)
})
