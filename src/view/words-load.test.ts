import { expect, test } from 'vitest'
import type { LatencyReport } from '../report/index.ts'
import { energyLines } from './words-load.ts'

test('how energy is known is said once for all models of which it is known in the same way', () => {
  const model = (path: string, joulesPerAnswer: number, how: string) => ({
    path,
    energy: { joulesPerAnswer, measured: false, how },
  })
  const lines = (...models: readonly object[]) => energyLines({ models } as unknown as LatencyReport)
  expect(lines(model('a', 0.0032, 'an estimate'), { path: 'b' }, model('c', 2, 'an estimate'))).toEqual([
    'a: 3.2 mJ an answer',
    'c: 2.00 J an answer',
    'an estimate',
  ])
  expect(lines({ path: 'b' })).toEqual([])
})
