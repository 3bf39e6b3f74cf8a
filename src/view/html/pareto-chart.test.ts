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

test('few marks have their names beside them; of many those that were handed out, are on the front or stayed as they were', () => {
  const namesOf = (count: number) => {
    const candidates = Array.from({ length: count }, (_, i) => ({
      ...{ id: `int8-${i}`, grade: null, verdict: null, p50Ms: 1 + (i % 4) * 2, bytes: 100 + i * 80, onFront: i === 0 },
    }))
    const report = { baseline: { p50Ms: 9, bytes: 1500 }, chosen: { id: 'int8-0' }, candidates }
    const { html } = paretoChart(report as unknown as OptimizationReport)
    return [...html.matchAll(/class="over">([^<]+)</g)].map(([, name]) => name).sort()
  }
  expect(namesOf(4)).toEqual(['int8-0', 'int8-1', 'int8-2', 'int8-3', 'original'])
  expect(namesOf(12)).toEqual(['int8-0', 'original'])
})

test('the words below speak of a line only where one is drawn', () => {
  const drawn = (onFront: readonly boolean[]) => {
    const candidates = onFront.map((front, i) => ({
      ...{ id: `int8-${i}`, grade: null, verdict: null, p50Ms: 1 + i, bytes: 300 - i, onFront: front },
    }))
    const report = { baseline: { p50Ms: 9, bytes: 1500 }, chosen: { id: 'int8-0' }, candidates }
    const { html } = paretoChart(report as unknown as OptimizationReport)
    return [html.includes('<polyline'), html.includes('dashed line')]
  }
  expect(drawn([true, true])).toEqual([true, true])
  expect(drawn([true, false])).toEqual([false, false])
})
