import type { ComparisonReport } from '../../report/index.ts'
import { signed } from '../words.ts'
import { html, type Markup } from './markup.ts'

interface Line {
  readonly label: string
  readonly low: number
  readonly high: number
  readonly tone: string
}

/** The difference candidate − original with its interval against the margin, whole set first, then every slice. */
export function intervals(report: ComparisonReport): Markup {
  if (!report.nonInferiority) return html``
  const { ci, margin } = report.nonInferiority
  const tone = (verdict: string) => ({ pass: 'good', regressed: 'bad' })[verdict] ?? 'warn'
  const lines: readonly Line[] = [
    { label: `all ${report.n} rows`, low: ci[0], high: ci[1], tone: tone(report.verdict) },
    ...report.slices.flatMap((slice): Line[] =>
      slice.lowerBound === null || slice.upperBound === null
        ? []
        : [
            {
              label: `${slice.name} (${slice.n})`,
              low: slice.lowerBound,
              high: slice.upperBound,
              tone: tone(slice.verdict),
            },
          ],
    ),
  ]
  const reach = Math.max(margin * 1.6, ...lines.flatMap((line) => [Math.abs(line.low), Math.abs(line.high)])) * 1.05
  const x = (value: number) => Math.round((450 + (value / reach) * 250) * 10) / 10
  const height = lines.length * 28 + 42
  return html`<figure>
<svg viewBox="0 0 720 ${height}" role="img" aria-label="Interval of the difference: ${signed(ci[0])} to ${signed(ci[1])}, margin ${signed(-margin)}">
<rect x="200" y="0" width="${Math.max(0, x(-margin) - 200)}" height="${height - 34}" fill="var(--bad-bg)"/>
<line x1="${x(0)}" x2="${x(0)}" y1="0" y2="${height - 34}" stroke="var(--soft)"/>
<line x1="${x(-margin)}" x2="${x(-margin)}" y1="0" y2="${height - 34}" stroke="var(--bad)" stroke-dasharray="4 3"/>
${lines.map(
  (
    line,
    i,
  ) => html`<text x="190" y="${i * 28 + 20}" text-anchor="end">${line.label.length > 26 ? `${line.label.slice(0, 25)}…` : line.label}</text>
<line x1="${x(line.low)}" x2="${x(line.high)}" y1="${i * 28 + 15}" y2="${i * 28 + 15}" stroke="var(--${line.tone})" stroke-width="3"/>
<circle cx="${x((line.low + line.high) / 2)}" cy="${i * 28 + 15}" r="4" fill="var(--${line.tone})"><title>${signed(line.low)} to ${signed(line.high)}</title></circle>`,
)}
<text class="s" x="${x(0)}" y="${height - 18}" text-anchor="middle">no change</text>
<text class="s" x="${x(-margin)}" y="${height - 4}" text-anchor="middle">margin ${signed(-margin)}</text>
</svg>
<figcaption>Difference in ${report.metric}, candidate minus original, with its interval. An interval wholly right of the dashed line is proven to lose less than the margin.</figcaption>
</figure>`
}
