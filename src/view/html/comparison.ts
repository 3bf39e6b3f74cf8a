import type { ComparisonReport, SliceResult } from '../../report/index.ts'
import { count, decibels, metricValue, percent, signed } from '../words.ts'
import { intervals } from './interval.ts'
import { html, type Markup } from './markup.ts'
import { badge, page, table } from './page.ts'

export function comparisonPage(report: ComparisonReport): string {
  return page(
    `${report.verdict}: ${report.metric}`,
    html`<header><p class="kicker">Whetstone comparison</p><h1>${report.sentence}</h1>${badge(report.verdict, report.grade)}</header>
${comparisonSections(report)}
${method()}`,
  )
}

/** What was compared, the interval, slices, outputs; also stands inside the page of `optimize`. */
export function comparisonSections(report: ComparisonReport): Markup {
  const { discordant, agreement, mcnemar, nonInferiority } = report
  return html`<dl>
<dt>Rows</dt><dd>${count(report.n)}${report.labelled ? ', with labels' : ', without labels'}</dd>
${report.base.value !== null && html`<dt>${report.metric}</dt><dd>${metricValue(report.base.value)} before, ${metricValue(report.candidate.value)} after</dd>`}
${discordant && html`<dt>Answers that differ in being right</dt><dd>${count(discordant.baseOnly)} only right before, ${count(discordant.candidateOnly)} only right after</dd>`}
${agreement && html`<dt>Same top answer</dt><dd>${percent(agreement.rate, 2)}; at most ${percent(agreement.changedUpperBound, 2)} of answers change (one-sided ${percent(1 - report.alpha, 0)} bound)</dd>`}
${nonInferiority && html`<dt>Change</dt><dd>at worst ${signed(nonInferiority.lowerBound)} (one-sided bound; the margin is ${signed(-nonInferiority.margin)}), p = ${nonInferiority.p.toPrecision(3)}</dd>`}
${mcnemar && html`<dt>Any difference at all?</dt><dd>McNemar mid-p ${mcnemar.midP.toPrecision(3)}, exact ${mcnemar.exact.toPrecision(3)}${report.measurablyWorse && ': measurably worse, within the margin'}</dd>`}
${report.requiredN !== null && html`<dt>To settle it</dt><dd>about ${count(report.requiredN)} rows</dd>`}
</dl>
${intervals(report)}
${report.slices.length > 0 && html`<h2>Slices</h2>${sliceTable(report.slices)}`}
${
  report.outputs.length > 0 &&
  html`<details><summary>Outputs, number by number</summary>${table(
    [
      { head: 'Output', cell: (row) => row.name },
      { head: 'Signal to noise', numeric: true, cell: (row) => decibels(row.sqnrDb) },
      { head: 'Largest difference', numeric: true, cell: (row) => row.maxAbs.toPrecision(3) },
    ],
    report.outputs,
  )}</details>`
}
${report.warnings.length > 0 && html`<ul>${report.warnings.map((line) => html`<li>${line}</li>`)}</ul>`}`
}

function sliceTable(slices: readonly SliceResult[]): Markup {
  return table(
    [
      { head: 'Slice', cell: (row) => row.name },
      { head: 'Rows', numeric: true, cell: (row) => count(row.n) },
      { head: 'Verdict', cell: (row) => badge(row.verdict, null) },
      { head: 'Before', numeric: true, cell: (row) => metricValue(row.base) },
      { head: 'After', numeric: true, cell: (row) => metricValue(row.candidate) },
      { head: 'At worst', numeric: true, cell: (row) => (row.lowerBound === null ? '–' : signed(row.lowerBound)) },
      {
        head: 'Rows that would settle it',
        numeric: true,
        cell: (row) => (row.requiredN === null ? '' : count(row.requiredN)),
      },
    ],
    slices,
  )
}

export function method(): Markup {
  return html`<h2>Method</h2>
<p class="soft">Both models answer the same rows. For right-or-wrong scores the decision is Tango's score test of non-inferiority for paired proportions (Statistics in Medicine 17, 1998); differences at all are McNemar's test, mid-p. Other scores use a paired BCa bootstrap. Without labels, the Clopper–Pearson bound on the share of changed answers bounds any loss of accuracy. A slice too small to decide is called inconclusive, never a pass.</p>`
}
