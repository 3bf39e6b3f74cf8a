import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { changedAt, decibelsOfChanged } from './close.ts'
import { askedWords, isCutOff, keptWords, lowestSqnrDb, noiseRows, typicalSqnrDb } from './lowest-sqnr.ts'

type Output = ComparisonReport['outputs'][number]
const output = (sqnrDb: number | null, more: Partial<Output> = {}): Output => ({
  name: 'y',
  sqnrDb,
  maxAbs: 1,
  ...more,
})
const of = (...outputs: readonly Output[]) => ({ outputs })

test('one changed answer of a hundred is 25 dB, and half as many are 6 more', () => {
  expect(decibelsOfChanged(0.01)).toBeCloseTo(25, 12)
  expect(decibelsOfChanged(0.005)).toBeCloseTo(25 + 20 * Math.log10(2), 12)
  // 20 dB are a tenth of the amplitude.
  expect([5, 25, 45].map(changedAt)).toEqual([0.1, 0.01, 0.001].map((share) => expect.closeTo(share, 12)))
})

test('what is kept and what is asked for, in decibels or as a share that is never rounded up to all', () => {
  expect([keptWords(output(24.96)), keptWords(output(24.96), 2)]).toEqual([
    '25.0 dB of signal over difference',
    '24.96 dB of signal over difference',
  ])
  expect(keptWords(output(60, { equal: 0.99996 }))).toBe('99.99 % of its numbers')
  expect([askedWords(output(20), 25), askedWords(output(20, { equal: 0.5 }), 25)]).toEqual(['25', '99 %'])
})

test('the worst output speaks for all, but not the names beside scores', () => {
  const three = of(output(30, { noiseRows: 9 }), output(12, { noiseRows: 7, typicalDb: 31 }), output(null))
  expect([lowestSqnrDb(three), typicalSqnrDb(three)]).toEqual([12, 30])
  expect([noiseRows({ ...three, n: 100 }), noiseRows({ ...three, n: 5 })]).toEqual([7, 5])
  const named = of(output(30), output(3, { named: true }))
  expect([lowestSqnrDb(named), noiseRows({ ...named, n: 40 })]).toEqual([30, 40])
  expect([lowestSqnrDb(of(output(null))), typicalSqnrDb(of(output(null)))]).toEqual([null, null])
})

test('rows of large numbers are far off where most are quieter by more than 6 dB', () => {
  const cut = (typicalDb: number) => isCutOff(of(output(10, { typicalDb })))
  expect([cut(16), cut(16.1), cut(9)]).toEqual([false, true, false])
  expect(isCutOff(of(output(null)))).toBe(false)
})
