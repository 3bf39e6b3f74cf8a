import { expect, test } from 'vitest'
import type { ComparisonReport } from '../report/index.ts'
import { staged } from './staged-kit.ts'
import { isClipped, isQuiet, quietestFirst, quietestOnMostRows, secure, type Trial } from './trial.ts'

/** A candidate as far as its order among those with the same kernels goes. */
function trial(
  id: string,
  decibels: number | null,
  verdict: ComparisonReport['verdict'] = 'inconclusive',
  typicalDb?: number,
): Trial {
  const comparison = staged<ComparisonReport>({
    verdict,
    grade: 'close',
    outputs: [{ sqnrDb: decibels, ...(typicalDb === undefined ? {} : { typicalDb }) }],
    base: { value: null },
    candidate: { value: null },
    agreement: null,
  })
  return staged<Trial>({ built: { spec: { id } }, result: {}, comparison, dropped: false })
}
const ids = (...trials: readonly Trial[]) => quietestFirst(trials).map(({ built }) => built.spec.id)

test('the quietest first; half a decibel is a tie that the order of the plan decides; what is worse comes last', () => {
  expect(ids(trial('a', 30), trial('b', 34), trial('c', 32))).toEqual(['b', 'c', 'a'])
  expect(ids(trial('a', 33.6), trial('b', 34), trial('c', 33.8))).toEqual(['a', 'b', 'c'])
  expect(ids(trial('b', 34), trial('a', 33.6))).toEqual(['b', 'a'])
  expect(ids(trial('worse', 50, 'regressed'), trial('a', 20))).toEqual(['a', 'worse'])
  expect(ids(trial('a', 30), trial('same', null))).toEqual(['same', 'a'])
})

test('quiet is what keeps the reserve above 25 dB', () => {
  expect([26.9, 27.1, null].map((decibels) => isQuiet(trial('a', decibels)))).toEqual([false, true, true])
})

test('what most rows keep has an order of its own, and ranges that cut a few rows off are known by it', () => {
  const cut = trial('cut', 1, 'inconclusive', 36)
  const whole = trial('whole', 22, 'inconclusive', 16)
  expect(ids(cut, whole)).toEqual(['whole', 'cut'])
  expect(quietestOnMostRows([whole, cut]).map(({ built }) => built.spec.id)).toEqual(['cut', 'whole'])
  expect([cut, whole, trial('plain', 20)].map(isClipped)).toEqual([true, false, false])
})

test('decibels with a reserve are secure only where other rows are likely to keep them', () => {
  const quiet = trial('a', 30)
  expect(secure(quiet, { pass: 0.4, passAtHalf: 0, close: 0.95 })).toBe(true)
  expect(secure(quiet, { pass: 0.4, passAtHalf: 0, close: 0.7 })).toBe(false)
  expect(secure(quiet, { pass: 0.9, passAtHalf: 0, close: 0.7 })).toBe(true)
})
