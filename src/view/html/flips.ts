import type { ComparisonReport, FlippedRow } from '../../report/index.ts'
import { count, percent, plural } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { table } from './page.ts'
import { picture, type RowPictures } from './picture.ts'

/** Rows that are shown as cards, by direction; the others stand in a table. */
const MOST_CARDS = { lost: 12, changed: 12, gained: 6 } as const

/** How many answers were lost and gained, drawn to one scale. */
export function flipBars({ flipRates, n }: ComparisonReport): Markup {
  if (!flipRates) return html``
  const { negative, positive } = flipRates
  const most = Math.max(negative.count, positive.count, 1)
  const bar = (words: string, tone: string, value: number) =>
    html`<div class="bar"><span>${words}</span><i class="${tone}" style="width:${value === 0 ? 0 : Math.max(1, Math.round((value / most) * 100))}%"></i><b>${count(value)}</b></div>`
  return html`<figure class="bars" role="img" aria-label="${count(negative.count)} right answers became wrong, ${count(positive.count)} wrong ones became right, of ${count(n)} rows">
${bar('right → wrong', 'bad', negative.count)}${bar('wrong → right', 'good', positive.count)}
<figcaption>Of ${plural(n, 'row')}. The net change can be small while many answers change: both directions are shown.</figcaption>
</figure>`
}

/** The changed rows that stand as cards. */
export const shownFlips = ({ flips = [] }: ComparisonReport): readonly FlippedRow[] =>
  (['lost', 'changed', 'gained'] as const).flatMap((direction) =>
    flips.filter((flip) => (flip.direction ?? 'changed') === direction).slice(0, MOST_CARDS[direction]),
  )

/** The rows that changed: pictures or text where there are any, worst first. */
export function flippedRows(
  report: ComparisonReport,
  pictures: RowPictures | undefined,
  saliency?: RowPictures,
): Markup {
  const { flips = [], flipRates } = report
  if (flips.length === 0) return html``
  const cards = shownFlips(report)
  const visual = cards.some(({ row, text }) => pictures?.has(row) || text !== undefined)
  const rest = visual ? flips.filter((flip) => !cards.includes(flip)) : flips
  const all = flipRates ? flipRates.negative.count + flipRates.positive.count : flips.length
  const some =
    all > flips.length &&
    html`<p class="soft">The first ${count(flips.length)} of ${count(all)} rows that changed are kept in a report.</p>`
  return html`${visual && html`${saliency?.size ? html`<p class="soft">The second picture of a row shows what the change hangs on: bright places are those that move the candidate most between the two answers.</p>` : ''}<div class="cards">${cards.map((flip) => card(flip, pictures, saliency))}</div>`}
${rest.length > 0 && html`<details${visual ? '' : html` open`}><summary>${visual ? `${count(rest.length)} more rows` : 'The rows'}</summary>${flipTable(rest)}</details>`}${some}`
}

function card(flip: FlippedRow, pictures: RowPictures | undefined, saliency: RowPictures | undefined): Markup {
  const shown = pictures?.get(flip.row)
  const bright = shown && saliency?.get(flip.row)
  const name = flip.id ?? `row ${flip.row}`
  return html`<article class="card ${flip.direction === 'gained' ? 'good' : flip.direction === 'lost' ? 'bad' : 'warn'}">
${shown && html`<div class="pair">${picture(shown, `Input of ${name}`)}${bright && picture(bright, `What the change of ${name} hangs on`)}</div>`}
<div><p class="where">${DIRECTIONS[flip.direction ?? 'changed']} · ${name}</p>
${flip.text !== undefined && html`<blockquote>${flip.text}</blockquote>`}
<p>${flip.label !== undefined && html`right: <b>${flip.label}</b><br>`}before: ${flip.base}${sure(flip.confidence?.base)}<br>after: ${flip.candidate}${sure(flip.confidence?.candidate)}</p></div>
</article>`
}

const DIRECTIONS = { lost: 'now wrong', gained: 'now right', changed: 'changed' } as const

const sure = (confidence: number | undefined) =>
  confidence !== undefined && html` <small>(${percent(confidence, 0)} sure)</small>`

function flipTable(flips: readonly FlippedRow[]): Markup {
  return table(
    [
      { head: 'Row', cell: (flip) => flip.id ?? String(flip.row) },
      { head: 'Change', cell: (flip) => DIRECTIONS[flip.direction ?? 'changed'] },
      { head: 'Right', cell: (flip) => flip.label ?? '–' },
      { head: 'Before', cell: (flip) => html`${flip.base}${sure(flip.confidence?.base)}` },
      { head: 'After', cell: (flip) => html`${flip.candidate}${sure(flip.confidence?.candidate)}` },
    ],
    flips,
  )
}
