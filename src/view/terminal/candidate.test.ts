import { expect, test } from 'vitest'
import type { OptimizationReport } from '../../report/index.ts'
import { explainCandidate, explainLeftOut } from './candidate.ts'

const ratio = (median: number) => ({ base: 'original', other: '', median, ci: [median, median] as const })
const result = (id: string, median: number, more: object = {}) => ({
  ...{ id, recipe: '', bytes: 10, p50Ms: median, speedup: 1 / median, ratio: ratio(median), verdict: 'inconclusive' },
  ...{ grade: 'close', metric: null, sqnrDb: 30, ...more },
})
const why = (own: number, winner: object, goal = 'latency', more: object = {}) =>
  explainCandidate(
    {
      ...{
        goal,
        margin: 0.02,
        chosen: { id: 'winner', reason: 'It is.' },
        baseline: { p50Ms: 1, bytes: 10, metricName: 'top1' },
      },
      candidates: [result('own', own, more), winner],
    } as unknown as OptimizationReport,
    'own',
  ).split('\n')[2]

test('why a candidate lost: by the times that chose, not by a later one of the winner alone', () => {
  expect(why(0.6, result('winner', 0.5))).toBe('It was not chosen: winner is better in the goal (latency).')
  expect(why(0.5, result('winner', 0.6))).toMatch(/winner was safer on the selection rows/)
  expect(why(0.5, result('winner', 0.52))).toMatch(/winner is as good within the error of measuring/)
  const confirmed = result('winner', 0.71, { ratioBefore: ratio(0.63) })
  expect(why(0.61, confirmed)).toBe(
    "It was not chosen: when winner was chosen it took 63 % of the original's time and this one 61 %, a tie; timed again alone before it was handed out it took 71 %.",
  )
  // One of the same kernels, with the winner's time from first to last.
  expect(why(0.71, confirmed, 'latency', { ratioBefore: ratio(0.63) })).toMatch(/as good within the error of measuring/)
  expect(why(0.5, confirmed)).toMatch(/winner was safer/)
  expect(why(0.8, confirmed)).toMatch(/better in the goal/)
  expect(why(0.71, confirmed)).toMatch(/and this one 71 %, better in the goal; timed again/)
})

test('bytes and memory are held against each other where they are the goal, whatever the times were', () => {
  const winner = result('winner', 0.71, { ratioBefore: ratio(0.63), bytes: 10, peakRssBytes: 100, judgedRows: 1064 })
  const size = (bytes: number) => why(0.6, winner, 'size', { bytes })
  expect([8, 9, 10, 11].map(size)).toEqual([
    'It was not chosen: winner was safer on the selection rows (1,064), and what is safer is proven first.',
    'It was not chosen: winner is as good within the error of measuring, and was preferred.',
    'It was not chosen: winner is as good within the error of measuring, and was preferred.',
    'It was not chosen: winner is better in the goal (size).',
  ])
  const memory = (peakRssBytes: number | null) => why(0.6, winner, 'memory', { peakRssBytes })
  expect(memory(95)).toMatch(/as good within/)
  expect(memory(120)).toMatch(/better in the goal \(memory\)/)
  expect(memory(null)).toMatch(/was safer/)
  expect(why(0.6, { ...winner, peakRssBytes: null }, 'memory', { peakRssBytes: 1 })).toMatch(/was safer/)
})

test('what its own verdict or note says comes before any figure', () => {
  const told = (more: object) => why(0.1, result('winner', 0.5), 'latency', more)
  expect(told({ verdict: null, grade: null })).toBe('It was not chosen: it was not judged.')
  expect(told({ verdict: 'regressed', grade: null })).toBe(
    'It was not chosen: the rows show that it loses more than the margin of 0.02.',
  )
  expect(told({ grade: null })).toMatch(/neither that it is as good nor that it is close/)
  expect(told({ verdict: 'pass', grade: null })).toMatch(/was safer on the selection rows, and/)
  expect(told({ note: 'too slow here', verdict: null })).toBe('It was not chosen: too slow here.')
  expect(told({ note: 'time as measured of int8', verdict: null })).toBe('It was not chosen: it was not judged.')
})

test('of what is close and was never tried on the proof rows, that is told where the original is handed out', () => {
  const original = result('winner', 1, { verdict: null, grade: null })
  const told = (more: object, listed = true) =>
    explainCandidate(
      {
        ...{ goal: 'latency', chosen: { id: 'original', reason: 'It is.' }, baseline: { p50Ms: 1, bytes: 10 } },
        candidates: [result('own', 0.5, more), ...(listed ? [{ ...original, id: 'original' }] : [])],
      } as unknown as OptimizationReport,
      'own',
    ).split('\n')[2]
  expect(told({})).toBe('It was not chosen: it was not among those that the proof rows were spent on.')
  expect(told({}, false)).toBe(told({}))
  expect(told({ provedRows: 9 })).toBe('It was not chosen: see below.')
})

test('a candidate that came out as another is explained by that one', () => {
  const text = explainCandidate(
    {
      ...{ goal: 'latency', chosen: { id: 'winner', reason: 'It is.' }, baseline: { p50Ms: 1, bytes: 10 } },
      candidates: [result('winner', 0.6, { alsoMadeAs: ['int8-mse'] })],
    } as unknown as OptimizationReport,
    'int8-mse',
  )
  expect(text).toMatch(/^int8-mse came out as the same model as winner\.\nwinner: /)
})

test('decibels are told of what has some', () => {
  const measured = (sqnrDb: number | null, boxes?: { compared: number; changed: number }) =>
    explainCandidate(
      {
        ...{ goal: 'latency', chosen: { id: 'winner', reason: 'It is.' }, baseline: { p50Ms: 1, bytes: 10 } },
        candidates: [result('winner', 0.6, { sqnrDb, judgedRows: 64, ...(boxes ? { boxes } : {}) })],
      } as unknown as OptimizationReport,
      'winner',
    )
  expect(measured(30)).toContain('signal to noise 30.0 dB')
  expect(measured(null)).not.toContain('signal to noise')
  expect(measured(300, { compared: 1200, changed: 3 })).toContain(', 1,197 of 1,200 boxes the same')
})

test('what was not built for want of time, or refused, is explained by what names it', () => {
  const learned = 'int8-mse-learned (about 27 s to learn)'
  const refused = 'weight-int4 was left out: NOT portable: in 1 of 4 products'
  const report = {
    chosen: { id: 'winner', reason: 'It is.' },
    leftOut: [learned, 'int8-mse', 'judging weight-int8'],
    warnings: ['the time was not enough for everything', refused],
  } as unknown as OptimizationReport
  for (const [id, what] of [
    ['int8-mse-learned', learned],
    ['int8-mse', 'int8-mse'],
    ['weight-int8', 'judging weight-int8'],
  ] as const)
    expect(explainLeftOut(report, id)).toBe(
      `${id} is none of the candidates that were compared:\nthere was no time for ${what}\nChosen: winner. It is.`,
    )
  expect(explainLeftOut(report, 'weight-int4')).toContain(refused)
  for (const id of ['time', 'int8', 'learned', 'weight-int', 'int8.mse', '(', 'products'])
    expect(explainLeftOut(report, id)).toBeNull()
})
