import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { renderTerminal } from './render.ts'

const report: ComparisonReport = {
  kind: 'comparison',
  version: 1,
  verdict: 'inconclusive',
  grade: null,
  sentence: 'Not settled.',
  metric: 'top1',
  alpha: 0.05,
  agreement: null,
  outputs: [],
  higherIsBetter: true,
  labelled: true,
  n: 4,
  base: { value: 1 },
  candidate: { value: 1 },
  discordant: null,
  nonInferiority: null,
  mcnemar: null,
  requiredN: null,
  measurablyWorse: false,
  slices: [],
  warnings: ['The baseline is right no more often than one answer to all rows would be, so a loss hardly shows.'],
}

test.each([40, 60, 80])('warnings end with a word where a terminal of %i columns ends', (width) => {
  const lines = renderTerminal(report, { color: false, width }).split('\n')
  const told = lines.slice(lines.indexOf('warnings:') + 1)
  for (const line of told) expect(line.length).toBeLessThanOrEqual(width)
  expect(told.map((line) => line.trim()).join(' ')).toBe(report.warnings[0])
  expect(told[0]).toMatch(/^ {2}The/)
  expect(told[1]).toMatch(/^ {4}\S/)
})
