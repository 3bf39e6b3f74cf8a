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

test('a bound that is only assumed, where too few rows differ, is told as none', () => {
  const of = (lowerBound: number, candidate: number, margin: number) =>
    renderTerminal(
      {
        ...{ ...report, metric: 'perplexity', higherIsBetter: false, base: { value: 4.45 } },
        candidate: { value: candidate },
        nonInferiority: { margin, z: 0, p: 0.5, ci: [lowerBound, 1], lowerBound },
      },
      { color: false, width: 80 },
    )
  expect(of(-10, 4.48, 0.1)).toContain('change at worst not bounded by so few rows (margin −0.1000, one-sided 95 %)')
  expect(of(-0.5, 4.48, 0.1)).toContain('change at worst −0.5000 (margin')
  // Seen, and not assumed.
  expect(of(-10, 12.45, 0.1)).toContain('change at worst −10.0000 (margin')
})

test.each([40, 60, 80])('warnings end with a word where a terminal of %i columns ends', (width) => {
  const lines = renderTerminal(report, { color: false, width }).split('\n')
  const told = lines.slice(lines.indexOf('warnings:') + 1)
  for (const line of told) expect(line.length).toBeLessThanOrEqual(width)
  expect(told.map((line) => line.trim()).join(' ')).toBe(report.warnings[0])
  expect(told[0]).toMatch(/^ {2}The/)
  expect(told[1]).toMatch(/^ {4}\S/)
})
