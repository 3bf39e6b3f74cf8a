import { signed } from '../words.ts'
import { html, type Markup } from './markup.ts'
import type { toneOf } from './page.ts'

/** One line of a forest plot: a difference with its interval. */
export interface ForestLine {
  readonly label: string
  readonly note: string
  readonly low: number
  readonly high: number
  readonly point: number
  readonly margin: number
  readonly tone: ReturnType<typeof toneOf>
}

/**
 * Differences candidate − base with their intervals on one scale: a line at no change, and the zone beyond the margin.
 * Made of boxes, so that it fits a phone and a page of paper alike. Shares are told in points of a hundred.
 */
export function forest(lines: readonly ForestLine[], caption: string, unit: 'points' | null): Markup {
  if (lines.length === 0) return html``
  // One slice of three rows must not press all the others together: what is longer runs out of the picture, save where
  // a loss was shown, for that is what people look for.
  const longest = lines.map(({ low, high }) => Math.max(Math.abs(low), Math.abs(high))).sort((a, b) => a - b)
  const margin = Math.max(...lines.map((line) => line.margin))
  const usual = longest[Math.floor(longest.length * 0.8)]!
  const shown = lines.map(({ tone, point }) => (tone === 'bad' ? Math.abs(point) * 1.05 : 0))
  const whole = Math.max(Math.abs(lines[0]!.low), Math.abs(lines[0]!.high), ...shown)
  const reach = 1.08 * Math.max(margin * 1.5, whole, Math.min(longest.at(-1)!, usual * 1.5))
  const at = (value: number) => Math.round(Math.min(100, Math.max(0, 50 + (value / reach) * 50)) * 100) / 100
  const say = (value: number, digits: number) =>
    unit === 'points' ? `${signed(100 * value, Math.max(0, digits - 2))} points` : signed(value, digits)
  // Too close to the zero for both words to be centred.
  const near = 50 - at(-margin) < 20
  const words = lines
    .slice(0, 12)
    .map(({ label, low, high }) => `${label}: ${say(low, 4)} to ${say(high, 4)}`)
    .join('; ')
  return html`<figure class="forest" role="img" aria-label="${words}">
${lines.map(
  (
    line,
  ) => html`<div class="line"><span class="name">${line.label}<small>${line.note}</small></span><span class="track">
<i class="beyond" style="width:${at(-line.margin)}%"></i><i class="zero"></i><i class="limit" style="left:${at(-line.margin)}%"></i>
<i class="span ${line.tone}" style="left:${at(line.low)}%;width:${Math.max(0.6, at(line.high) - at(line.low))}%"></i><i class="dot ${line.tone}" style="left:${at(line.point)}%"></i>
</span></div>`,
)}
<div class="line axis" aria-hidden="true"><span class="name"></span><span class="track"><b style="left:${at(-margin)}%" class="${near ? 'end' : ''}">${say(-margin, places(margin))}</b><b style="left:50%" class="${near ? 'start' : ''}">0</b><b style="left:100%" class="end">${say(reach, places(reach))}</b></span></div>
<figcaption>${caption}</figcaption>
</figure>`
}

const places = (value: number) => (value >= 0.1 ? 2 : value >= 0.01 ? 3 : 4)
