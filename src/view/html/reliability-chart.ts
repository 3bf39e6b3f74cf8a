import type { ConfidenceCheck } from '../../report/index.ts'
import { count, percent } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { table } from './page.ts'

const SIZE = 320
const LEFT = 44
const BOTTOM = 40

/** Said confidence against the share that was right, before and after; on the diagonal, "90 % sure" is right 9 times in 10. */
export function reliabilityChart(check: ConfidenceCheck): Markup {
  const x = (value: number) => LEFT + value * (SIZE - LEFT - 12)
  const y = (value: number) => SIZE - BOTTOM - value * (SIZE - BOTTOM - 12)
  const points = (of: 'base' | 'candidate') =>
    check.bins.flatMap((bin) => {
      const { n, confidence, accuracy } = bin[of]
      return n === 0 || confidence === null || accuracy === null ? [] : [{ n, px: x(confidence), py: y(accuracy) }]
    })
  const most = Math.max(1, ...check.bins.flatMap(({ base, candidate }) => [base.n, candidate.n]))
  const radius = (n: number) => Math.round((2.5 + 5 * Math.sqrt(n / most)) * 10) / 10
  const line = (of: 'base' | 'candidate') =>
    points(of)
      .map(({ px, py }) => `${px.toFixed(1)},${py.toFixed(1)}`)
      .join(' ')
  const seen = check.bins.filter(({ base, candidate }) => base.n + candidate.n > 0)
  return html`<figure>
<svg class="square" viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label="Reliability: calibration error ${percent(check.base.ece)} before and ${percent(check.candidate.ece)} after; the table below has the points">
${[0, 0.25, 0.5, 0.75, 1].map((tick) => html`<line x1="${x(0)}" x2="${x(1)}" y1="${y(tick)}" y2="${y(tick)}" stroke="var(--line)"/><text class="s" x="${LEFT - 6}" y="${y(tick) + 4}" text-anchor="end">${tick * 100}</text><text class="s" x="${x(tick)}" y="${SIZE - BOTTOM + 16}" text-anchor="middle">${tick * 100}</text>`)}
<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="var(--soft)" stroke-dasharray="4 4"/>
<polyline points="${line('base')}" fill="none" stroke="var(--bar)" stroke-width="2"/>
${points('base').map(({ n, px, py }) => html`<rect x="${px - radius(n)}" y="${py - radius(n)}" width="${2 * radius(n)}" height="${2 * radius(n)}" fill="var(--bar)"/>`)}
<polyline points="${line('candidate')}" fill="none" stroke="var(--accent)" stroke-width="2"/>
${points('candidate').map(({ n, px, py }) => html`<circle cx="${px}" cy="${py}" r="${radius(n)}" fill="var(--accent)"/>`)}
<text class="s" x="${(x(0) + x(1)) / 2}" y="${SIZE - 6}" text-anchor="middle">how sure it says it is, %</text>
<text class="s" transform="translate(12 ${(y(0) + y(1)) / 2}) rotate(-90)" text-anchor="middle">how often it is right, %</text>
</svg>
<figcaption>Grey squares before, green circles after; larger where more rows are. On the dashed line a model is as often right as it says. Expected calibration error: ${percent(check.base.ece)} before, ${percent(check.candidate.ece)} after.</figcaption>
</figure>
<details><summary>The points as a table</summary>${table(
    [
      { head: 'Said', cell: (bin) => `${percent(bin.from, 0)} to ${percent(bin.to, 0)}` },
      { head: 'Rows before', numeric: true, cell: (bin) => count(bin.base.n) },
      { head: 'Right before', numeric: true, cell: (bin) => share(bin.base.accuracy) },
      { head: 'Rows after', numeric: true, cell: (bin) => count(bin.candidate.n) },
      { head: 'Right after', numeric: true, cell: (bin) => share(bin.candidate.accuracy) },
    ],
    seen,
  )}</details>`
}

const share = (value: number | null) => (value === null ? '–' : percent(value))
