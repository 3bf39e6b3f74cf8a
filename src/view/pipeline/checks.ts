import type { ComparisonReport, GateCheck, GateResult } from '../../report/index.ts'
import { count, metricValue, signed } from '../words.ts'

/** What a pipeline is told: the checks of the gate, or without one the verdict and every declared slice. */
export function checksOf(report: ComparisonReport): readonly GateCheck[] {
  if (report.gate) return report.gate.checks
  const declared = report.slices.filter((slice) => slice.declared)
  return [
    {
      id: 'margin',
      what: `${report.metric} over all rows`,
      limit: report.margin === undefined ? 'within the margin' : `loses less than ${report.margin}`,
      measured: report.sentence,
      verdict: report.verdict,
      blocks: true,
    },
    ...declared.map(
      (slice): GateCheck => ({
        id: `slices.${slice.name}`,
        what: slice.name,
        limit: `loses less than ${slice.margin}`,
        measured: `${metricValue(slice.base)} → ${metricValue(slice.candidate)} on ${count(slice.n)} rows${slice.lowerBound === null ? '' : `, at worst ${signed(slice.lowerBound)}`}`,
        verdict: slice.verdict,
        blocks: false,
      }),
    ),
  ]
}

/** The answer of a gate in one line. */
export function gateSentence({ checks, verdict }: GateResult): string {
  const of = (list: readonly GateCheck[]) => list.map(({ id }) => id).join(', ')
  const broken = checks.filter((check) => check.verdict === 'regressed')
  const open = checks.filter((check) => check.verdict === 'inconclusive')
  const blocking = open.filter(({ blocks }) => blocks)
  if (verdict === 'regressed')
    return `The gate is shut: ${count(broken.length)} of ${count(checks.length)} limits broken (${of(broken)}).`
  if (verdict === 'inconclusive')
    return `The gate cannot decide: ${count(blocking.length)} of ${count(checks.length)} limits ${blocking.length === 1 ? 'is' : 'are'} neither kept nor broken (${of(blocking)}).`
  const rest = open.length === 0 ? '' : ` (${count(open.length)} undecided, which the file allows)`
  return `The gate is open: no limit of ${count(checks.length)} broken${rest}.`
}

/** The answer that a pipeline acts on. */
export const verdictOfAll = (report: ComparisonReport) => report.gate?.verdict ?? report.verdict
