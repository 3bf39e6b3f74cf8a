import { expect, test } from 'vitest'
import type { OptimizationReport } from '../../report/index.ts'
import { paretoChart } from './pareto-chart.ts'

test('every kind of verdict has a mark of its own, which tells it without its colour', () => {
  const verdicts = { pass: 'proven', inconclusive: null, regressed: null, close: 'close', unjudged: null }
  const candidates = Object.entries(verdicts).map(([id, grade], i) => ({
    ...{ id, grade, p50Ms: 1 + i, bytes: 100 + i, onFront: false },
    verdict: id === 'close' ? 'inconclusive' : id === 'unjudged' ? null : id,
  }))
  const report = { baseline: { p50Ms: 9, bytes: 900 }, chosen: { id: 'pass' }, candidates }
  const { html } = paretoChart(report as unknown as OptimizationReport)
  const marks = [...html.matchAll(/<path d="([^"]+)"[^>]* fill="([^"]+)"[^>]*><title>(\w+):/g)]
  const others = Object.keys(verdicts).filter((id) => id !== 'pass')
  expect(marks.map(([, , , id]) => id)).toEqual(['original', ...others, 'pass'])
  // A circle is filled where it passed, and a ring where nothing was judged.
  expect(new Set(marks.map(([, d, fill]) => `${d} ${fill === 'var(--card)'}`)).size).toBe(marks.length)
})
