import { axes } from './axes.ts'
import { html, type Markup } from './markup.ts'
import { CHART_WIDTH, scaleOf } from './scale.ts'

type Point = readonly [x: number, y: number]

interface ChartSeries {
  readonly name: string
  readonly tone: string
  /** Joined by a line, ascending in x. */
  readonly points: readonly Point[]
  /** Dots beside the line. */
  readonly others?: readonly Point[]
}

interface ChartWords {
  readonly x: string
  readonly y: string
  /** The chart in words, for those who do not see it. */
  readonly label: string
  readonly caption: string
  /** An upright line at this x. */
  readonly limit?: number | null
}

/** Colours of series in order, told apart in light and dark. */
export const TONES = ['accent', 'close', 'warn', 'bad', 'soft']

const HEIGHT = 320
const AREA = { left: 76, right: 24, bottom: 48 }
const ROW = 18
/** Series are told apart by their dashes as well: colour alone is not for everyone, nor for paper. */
const DASHES = ['none', '8 4', '2 4', '12 4 2 4', '4 2']

/** Lines with dots, both axes from zero. */
export function lineChart(series: readonly ChartSeries[], words: ChartWords): Markup {
  const all = series.flatMap(({ points, others = [] }) => [...points, ...others])
  if (all.length === 0) return html``
  const { limit = null } = words
  // One line needs no name of its own: the page is about it.
  const named = series.length > 1 ? series : []
  const top = 28 + named.length * ROW
  const height = HEIGHT + named.length * ROW
  const bottom = height - AREA.bottom
  const x = scaleOf(
    [...all.map(([value]) => value), ...(limit === null ? [] : [limit])],
    [AREA.left, CHART_WIDTH - AREA.right],
  )
  const y = scaleOf(
    all.map(([, value]) => value),
    [bottom, top],
  )
  return html`<figure>
<svg viewBox="0 0 ${CHART_WIDTH} ${height}" role="img" aria-label="${words.label}">
${axes(x, y, { ...AREA, top, bottom }, { x: words.x })}
<text class="s" x="${AREA.left}" y="${top - 10}">${words.y}</text>
${named.map(({ name, tone }, i) => html`<line x1="${AREA.left}" x2="${AREA.left + 32}" y1="${12 + i * ROW}" y2="${12 + i * ROW}" stroke="var(--${tone})" stroke-width="2.5" stroke-dasharray="${DASHES[i % DASHES.length]}"/><text x="${AREA.left + 40}" y="${16 + i * ROW}">${name}</text>`)}
${limit !== null && html`<line x1="${x.at(limit)}" x2="${x.at(limit)}" y1="${top}" y2="${bottom}" stroke="var(--bad)" stroke-width="2"/>`}
${series.map(
  ({ tone, points, others = [] }, i) => html`
${others.map((point) => html`<circle cx="${x.at(point[0])}" cy="${y.at(point[1])}" r="3" fill="var(--bar)"/>`)}
<polyline fill="none" stroke="var(--${tone})" stroke-width="2.5" stroke-dasharray="${DASHES[i % DASHES.length]}" points="${points.map((point) => `${x.at(point[0])},${y.at(point[1])}`).join(' ')}"/>
${points.length <= 25 && points.map((point) => html`<circle cx="${x.at(point[0])}" cy="${y.at(point[1])}" r="4" fill="var(--${tone})"/>`)}`,
)}
</svg>
<figcaption>${words.caption}</figcaption>
</figure>`
}
