import { expect, test } from 'vitest'
import type { DriftReport } from '../../report/index.ts'
import { drift } from './rollout.ts'

test('what is still missing before drift can be told is said', () => {
  const learning = (reference: number, waiting: number) =>
    drift(
      {
        ...{ kind: 'drift', version: 1, name: 'digits', modelVersion: 'v1', state: 'learning', reference, waiting },
        ...{ windowSize: 500, looks: 0, alpha: 0.01, features: [], estimate: null, outside: null },
      } satisfies DriftReport,
      { color: false, width: 80 },
    ).split('\n')[0]
  expect(learning(400, 0)).toBe('digits v1: still learning what is usual, 400 requests so far')
  expect(learning(1000, 240)).toBe(
    'digits v1: 1,000 requests show what is usual; 240 of the next 500, which are held against them, have come',
  )
})
