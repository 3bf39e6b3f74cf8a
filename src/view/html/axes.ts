import { html, type Markup } from './markup.ts'
import { CHART_WIDTH, linearTicks, type Scale } from './scale.ts'

/** Where a chart's points lie, in its units: at the left and right so far from its edges, from one height to another. */
interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

const three = (tick: number) => String(Number(tick.toPrecision(3)))

/** A line across the chart for each round number, with the number, on either axis; below, what the upright lines tell. */
export function axes(
  x: Scale,
  y: Scale,
  { left, right, top, bottom }: Frame,
  words: { readonly x: string; readonly y?: (tick: number) => string },
): Markup {
  const [end, say] = [CHART_WIDTH - right, words.y ?? three]
  return html`${linearTicks(x.domain).map((tick) => html`<line x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${top}" y2="${bottom}" stroke="var(--line)"/><text class="s" x="${x.at(tick)}" y="${bottom + 18}" text-anchor="middle">${three(tick)}</text>`)}
${linearTicks(y.domain).map((tick) => html`<line x1="${left}" x2="${end}" y1="${y.at(tick)}" y2="${y.at(tick)}" stroke="var(--line)"/><text class="s" x="${left - 8}" y="${y.at(tick) + 4}" text-anchor="end">${say(tick)}</text>`)}
<text class="s" x="${(left + end) / 2}" y="${bottom + 40}" text-anchor="middle">${words.x}</text>`
}
