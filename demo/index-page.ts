import type { OptimizationReport } from '../src/report/index.ts'
import { html, page } from '../src/view/index.ts'

/** One page that gives the answer for each model and leads to its whole report. */
export function indexPage(reports: readonly { name: string; report: OptimizationReport; note: string }[]): string {
  return page(
    'Whetstone demo',
    html`<header><p class="kicker">Whetstone demo</p><h1>Two models of PP-OCRv4, made faster and judged on rendered text</h1></header>
<p>The text lines were drawn by the demo itself in several fonts, lengths and grades of noise, so every label is true by construction.</p>
${reports.map(
  ({
    name,
    report,
    note,
  }) => html`<h2>${name}</h2><p><b>${report.sentence}</b></p><p>${report.chosen.reason} ${note}</p>
<p><a href="${name}/report.html">The whole report</a>, <a href="${name}/model.onnx">the model</a></p>`,
)}`,
  )
}
