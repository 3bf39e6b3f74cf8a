import type { OptimizationReport } from '../../report/index.ts'
import { bytes, ms } from '../words.ts'
import { axes } from './axes.ts'
import { labelPlaces, type Place } from './label-places.ts'
import { html, type Markup } from './markup.ts'
import { toneOf } from './page.ts'
import { CHART_WIDTH, scaleOf } from './scale.ts'

const HEIGHT = 380
const AREA = { left: 76, right: 24, top: 20, bottom: 48 }

interface Point {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly tone: string
  readonly front: boolean
  readonly chosen: boolean
}

/** Up to so many marks leave room for the names of all. */
const FEW = 8

/** Latency against size, one dot a candidate, the Pareto front as a line: lower left is better. */
export function paretoChart(report: OptimizationReport): Markup {
  const points = pointsOf(report)
  if (points.length < 2) return html``
  const bottom = HEIGHT - AREA.bottom
  const x = scaleOf(
    points.map((point) => point.x),
    [AREA.left, CHART_WIDTH - AREA.right],
  )
  const y = scaleOf(
    points.map((point) => point.y),
    [bottom, AREA.top],
  )
  const front = points.filter((point) => point.front).sort((a, b) => a.x - b.x)
  const dots = points.map((point) => ({ ...point, px: x.at(point.x), py: y.at(point.y) }))
  const tells = (point: (typeof dots)[number]) =>
    point.chosen || point.front || point.id === 'original' || point.id === 'lossless'
  // Of few marks each has a name, those that tell most first; more would hide one another.
  const named = [...dots.filter(tells), ...(dots.length > FEW ? [] : dots.filter((point) => !tells(point)))]
  const labels = labelPlaces(
    named.map((point) => ({ x: point.px, y: point.py, text: point.id, needed: point.chosen })),
    dots.map(({ px, py }) => ({ x: px, y: py })),
    front.map((point) => ({ x: x.at(point.x), y: y.at(point.y) })),
    CHART_WIDTH,
  )
  const best = points.find((point) => point.chosen)
  // What is handed out is seen whole where others lie on the same place.
  const drawn = [...dots.filter(({ chosen }) => !chosen), ...dots.filter(({ chosen }) => chosen)]
  return html`<figure>
<svg viewBox="0 0 ${CHART_WIDTH} ${HEIGHT}" role="img" aria-label="Latency against size of ${points.length} candidates${best ? `; the chosen one takes ${ms(best.x)} and ${bytes(best.y)}` : ''}">
${axes(x, y, { ...AREA, bottom }, { x: 'median latency in ms (left is faster)', y: bytes })}
${front.length > 1 && html`<polyline fill="none" stroke="var(--accent)" stroke-width="2" stroke-dasharray="5 4" points="${front.map((point) => `${x.at(point.x)},${y.at(point.y)}`).join(' ')}"/>`}
${drawn.map((dot) => mark(dot, dot.px, dot.py))}
${labels.map((label: Place) => html`<text x="${label.x}" y="${label.y}" text-anchor="${label.anchor}" class="over">${label.text}</text>`)}
</svg>
<figcaption>Every candidate that was built and timed, at the original's time by its ratio to that. Circles (green) passed, squares (blue) are close but not provable with these rows, triangles (amber) are undecided, crosses (red) regressed, rings (grey) were not judged; the diamond is the original. The large mark is what is handed out${front.length > 1 && '; the dashed line joins those that nothing beats in both directions'}.</figcaption>
</figure>`
}

/** The mark of a verdict, drawn within one unit around the point: it tells the verdict without its colour. */
const CIRCLE = 'M-1,0A1,1 0 1 1 1,0A1,1 0 1 1 -1,0Z'
const SHAPES: Readonly<Record<string, string>> = {
  ink: 'M0,-1.2 1.2,0 0,1.2 -1.2,0Z',
  close: 'M-0.9,-0.9H0.9V0.9H-0.9Z',
  warn: 'M0,-1.1 1.1,0.9H-1.1Z',
  bad: 'M-1.1,-0.7 -0.7,-1.1 0,-0.4 0.7,-1.1 1.1,-0.7 0.4,0 1.1,0.7 0.7,1.1 0,0.4 -0.7,1.1 -1.1,0.7 -0.4,0Z',
}

function mark({ id, x, y, tone, chosen }: Point, px: number, py: number): Markup {
  const ring = tone === 'bar'
  const stroke = chosen ? 'ink' : ring ? 'bar' : 'card'
  return html`<path d="${SHAPES[tone] ?? CIRCLE}" transform="translate(${px} ${py}) scale(${chosen ? 8 : ring ? 4 : 5})" vector-effect="non-scaling-stroke" fill="var(--${ring ? 'card' : tone})" stroke="var(--${stroke})" stroke-width="${chosen || ring ? 2 : 1}"><title>${id}: ${ms(x)}, ${bytes(y)}</title></path>`
}

function pointsOf(report: OptimizationReport): readonly Point[] {
  const original: Point = {
    id: 'original',
    x: report.baseline.p50Ms,
    y: report.baseline.bytes,
    tone: 'ink',
    front: report.candidates.some(({ id, onFront }) => id === 'original' && onFront),
    chosen: report.chosen.id === 'original',
  }
  const others = report.candidates.flatMap((candidate): Point[] => {
    if (candidate.id === 'original' || candidate.p50Ms === null || candidate.bytes === null) return []
    const tone = candidate.verdict === null ? 'bar' : toneOf(candidate.verdict)
    return [
      {
        id: candidate.id,
        x: candidate.p50Ms,
        y: candidate.bytes,
        tone: tone === 'warn' && candidate.grade === 'close' ? 'close' : tone,
        front: candidate.onFront,
        chosen: candidate.id === report.chosen.id,
      },
    ]
  })
  return [original, ...others]
}
