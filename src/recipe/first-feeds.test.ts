import { expect, test } from 'vitest'
import type { Dataset } from '../data/index.ts'
import { exampleOf } from './first-feeds.ts'

test('an example tells sizes, and of values the single numbers alone that every row has', () => {
  const feeds = {
    x: { dtype: 'float32', dims: [1, 1], data: Float32Array.of(42) },
    sr: { dtype: 'int64', dims: [], data: BigInt64Array.of(16000n) },
    state: { dtype: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) },
  } as const
  const constants = { sr: {}, state: {} } as unknown as Dataset['constants']
  expect(exampleOf(feeds, constants)).toEqual([
    { name: 'x', shape: [1, 1] },
    { name: 'sr', shape: [], value: '16000' },
    { name: 'state', shape: [2, 1] },
  ])
})
