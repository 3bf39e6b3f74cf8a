import { expect, test } from 'vitest'
import type { OptimizationReport } from '../../report/index.ts'
import { explainCandidate } from './candidate.ts'
import { optimization } from './optimization.ts'

test('what the proof warns of is told with the search, once', () => {
  const report = {
    sentence: '2× faster.',
    chosen: { id: 'lossless', reason: 'it is' },
    baseline: { p50Ms: 1, bytes: 10, metric: null, metricName: 'agreement' },
    goal: 'latency',
    candidates: [],
    rows: { calibrate: 1, select: 1, prove: 2 },
    warnings: ['two rows were left out'],
    proof: { warnings: ['On 1 of 2 rows the candidate gives NaN', 'two rows were left out'] },
  } as unknown as OptimizationReport
  const lines = optimization(report, { color: false, width: 100 } as Parameters<typeof optimization>[1]).split('\n')
  expect(lines.filter((line) => line.includes('On 1 of 2 rows'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('two rows were left out'))).toHaveLength(1)
})

test('without labels the table tells how near each candidate stayed', () => {
  const figures = { bytes: 10, p50Ms: 1, speedup: 2, metric: null, sqnrDb: 28, verdict: 'inconclusive', grade: null }
  const table = (candidates: readonly object[], metric: number | null = null) =>
    optimization(
      {
        sentence: 'Nothing.',
        chosen: { id: 'original', reason: 'it is' },
        baseline: { p50Ms: 2, bytes: 10, metric, metricName: 'top1' },
        goal: 'latency',
        candidates,
        rows: { calibrate: 1, select: 1, prove: 2 },
        warnings: [],
      } as unknown as OptimizationReport,
      { color: false, width: 100 },
    )
  const near = table([
    { ...figures, id: 'a' },
    { ...figures, id: 'b', sqnrDb: null, verdict: null },
  ])
  expect(near).toMatch(/^SQNR: how large/m)
  expect(near).toMatch(/^a .* 28\.0 dB/m)
  expect(near).toMatch(/^b .* – /m)
  // No share of boxes is rounded up to all of them.
  const boxes = table([{ ...figures, id: 'a', boxes: { compared: 1000, changed: 1 } }])
  expect(boxes).toMatch(/^boxes: the share that is the same/m)
  expect(boxes).toMatch(/^a .* 99 %/m)
  expect(table([{ ...figures, id: 'a', metric: 0.5 }], 0.5)).not.toMatch(/SQNR/)
})

test('where another shows more speed, it is told what the chosen one had at the moment of the choice', () => {
  const linesOf = (others: number, ratioBefore?: object) => {
    const figures = { bytes: 10, p50Ms: 1, metric: null, ratio: null, verdict: 'pass', grade: 'proven' }
    const report = {
      sentence: '1.4× faster.',
      chosen: { id: 'best', reason: 'it is' },
      baseline: { p50Ms: 1.4, bytes: 10, metric: null, metricName: 'agreement' },
      goal: 'latency',
      candidates: [
        { ...figures, id: 'best', speedup: 1.4, ...(ratioBefore ? { ratioBefore } : {}) },
        { ...figures, id: 'other', speedup: others },
      ],
      rows: { calibrate: 1, select: 1, prove: 2 },
      warnings: [],
      proof: null,
    } as unknown as OptimizationReport
    return optimization(report, { color: false, width: 100 }).split('\n')
  }
  const told = /^▸ timed again .* when it was chosen, it had 1\.60×$/
  expect(linesOf(1.5, { median: 1 / 1.6 }).filter((line) => told.test(line))).toHaveLength(1)
  expect(linesOf(1.3, { median: 1 / 1.6 }).some((line) => line.startsWith('▸ timed'))).toBe(false)
  expect(linesOf(1.5).some((line) => line.startsWith('▸ timed'))).toBe(false)
})

test('who passed on selection rows alone is not called proven, neither in the table nor where it is explained', () => {
  const figures = { bytes: 10, p50Ms: 1, speedup: 1.4, metric: null, sqnrDb: null, judgedRows: 4, ratio: null }
  const passed = { ...figures, verdict: 'pass', grade: 'proven' }
  const report = {
    sentence: '1.4× faster.',
    chosen: { id: 'best', reason: 'it is' },
    baseline: { p50Ms: 1.4, bytes: 10, metric: null, metricName: 'agreement' },
    goal: 'latency',
    candidates: [
      { ...passed, id: 'best' },
      { ...passed, id: 'safer', provedRows: 700 },
      { ...passed, id: 'untold' },
    ],
    rows: { calibrate: 1, select: 1, prove: 700 },
    warnings: [],
    proof: null,
  } as unknown as OptimizationReport
  const lines = (width: number) => optimization(report, { color: false, width }).split('\n')
  const endOf = (id: string, width = 100) =>
    lines(width)
      .find((line) => line.includes(id))!
      .split(/ {2,}/)
      .at(-1)
  expect(['best', 'safer', 'untold'].map((id) => endOf(id))).toEqual([
    'pass (proven)',
    'pass (proven)',
    'pass on selection rows',
  ])
  expect(endOf('untold', 60)).toBe('pass')
  expect(explainCandidate(report, 'untold')).toContain('pass on selection rows.')
})

test.each([
  ['int8-typical-most-rows-equal0.5', / close \(not proven\)$/],
  ['int8-everywhere-minmax', /0\.9844 +64 +close$/],
])('in 80 columns no line is longer, and neither verdicts nor names are cut: %s', (id, close) => {
  const figures = { bytes: 938_000, p50Ms: 49.4, speedup: 1.73, metric: 0.9844, judgedRows: 64, ratio: null }
  const report = {
    sentence: `1.73× faster, 66 % smaller; close to the original but not proven on 3 rows (signal to noise at least 30 dB).`,
    chosen: { id, reason: 'The rows given cannot prove any candidate, so the best that stays close is handed out.' },
    baseline: { p50Ms: 76.6, bytes: 2_800_000, metric: null, metricName: 'agreement' },
    goal: 'latency',
    candidates: [
      { ...figures, id, verdict: 'inconclusive', grade: 'close' },
      { ...figures, id: 'int8', verdict: null, grade: null, note: 'not judged: another is as good or better' },
      { ...figures, id: 'lossless', verdict: null, grade: null, note: 'not faster than the original' },
    ],
    rows: { calibrate: 1, select: 1, prove: 2 },
    warnings: ['a warning of several words that is longer than a line of the terminal has room for, told whole'],
    proof: null,
  } as unknown as OptimizationReport
  const text = optimization(report, { color: false, width: 80 })
  const lines = text.split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(lines.find((line) => line.includes(id))).toMatch(close)
  expect(lines.find((line) => line.startsWith('int8 '))).toMatch(/ not judged$/)
  expect(lines.find((line) => line.startsWith('lossless '))).toMatch(/ not faster/)
  expect(text.replace(/\s+/g, ' ')).toContain(report.warnings[0])
})

test('that scores of more and of fewer rows do not compare is said where they stand together', () => {
  const figures = { bytes: 10, p50Ms: 1, speedup: 1.4, metric: 0.9375, ratio: null, verdict: 'pass', grade: 'proven' }
  const textOf = (judgedRows: number, more: readonly object[] = []) =>
    optimization(
      {
        sentence: '1.4× faster.',
        chosen: { id: 'best', reason: 'it is' },
        baseline: { p50Ms: 1.4, bytes: 10, metric: 0.9, metricName: 'top1', judgedRows: 1200 },
        goal: 'latency',
        // Of one that was not judged there is no score that could be held against others.
        candidates: [
          { ...figures, id: 'best', judgedRows },
          { ...figures, id: 'slow', metric: null, verdict: null },
          ...more,
        ],
        rows: { calibrate: 1, select: 1, prove: 2 },
        warnings: [],
        proof: null,
      } as unknown as OptimizationReport,
      { color: false, width: 100 },
    )
  expect(textOf(64)).toMatch(/^top1 of different rows does not compare/m)
  // The original among the candidates is the one that is handed out, and says its rows in its own line.
  expect(textOf(1200, [{ ...figures, id: 'original', judgedRows: undefined }])).not.toMatch(/different rows/)
  expect(textOf(1200)).not.toContain('does not compare')
})
