import type { Report } from '../report/index.ts'
import { type AttackExtras, attackPage } from './html/attack.ts'
import { type ComparisonExtras, comparisonPage } from './html/comparison.ts'
import { latencyPage } from './html/latency.ts'
import { html } from './html/markup.ts'
import { optimizationPage } from './html/optimization.ts'
import { page } from './html/page.ts'
import { robustnessPage } from './html/robustness.ts'
import { selectionPage } from './html/selection.ts'
import { withShortPaths } from './short-paths.ts'
import { renderTerminal } from './terminal/render.ts'

export { candidateNames, explainCandidate, explainLeftOut } from './terminal/candidate.ts'
export { renderTerminal } from './terminal/render.ts'
export type { Style } from './terminal/table.ts'

/** A report as one self-contained HTML page, without network or script. */
export function renderHtml(given: Report, extras: ComparisonExtras & AttackExtras = {}): string {
  const report = withShortPaths(given)
  if (report.kind === 'optimization') return optimizationPage(report)
  if (report.kind === 'selection') return selectionPage(report)
  if (report.kind === 'comparison') return comparisonPage(report, extras)
  if (report.kind === 'latency') return latencyPage(report)
  if (report.kind === 'robustness') return robustnessPage(report)
  if (report.kind === 'attack') return attackPage(report, extras)
  return page(
    `Whetstone ${report.kind}`,
    html`<h1>${report.kind}</h1><pre>${renderTerminal(report, { color: false, width: 100 })}</pre>`,
  )
}

export type { AttackExtras, FooledPictures } from './html/attack.ts'
export { shownFlips } from './html/flips.ts'
export { html, type Markup } from './html/markup.ts'
export { page } from './html/page.ts'
export type { Picture, RowPictures } from './html/picture.ts'
export { renderIncident } from './pipeline/incident.ts'
export { renderJUnit } from './pipeline/junit.ts'
export { renderMarkdown } from './pipeline/markdown.ts'
export { renderSarif } from './pipeline/sarif.ts'
