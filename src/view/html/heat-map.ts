import { html, type Markup } from './markup.ts'

interface HeatCell {
  readonly text: string
  /** 0 as the page, 1 the full colour. */
  readonly strength: number
  readonly tone: 'good' | 'bad'
  /** Said by screen readers and on hover. */
  readonly title: string
  readonly strong?: boolean
}

interface HeatRow {
  readonly group: string
  readonly name: string
  readonly cells: readonly HeatCell[]
}

/** How much of the colour the strongest cell takes: text on it stays readable in light and dark. */
const DEEPEST = 42

/** Numbers in a grid, each on a ground as strong as what it means; the numbers alone say everything. */
export function heatMap(columns: readonly string[], rows: readonly HeatRow[], caption: string): Markup {
  return html`<div class="scroll heat" tabindex="0" role="group" aria-label="${caption}"><table>
<thead><tr><th scope="col">Severity</th>${columns.map((column) => html`<th scope="col" class="n">${column}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row, i) =>
      html`<tr class="${i > 0 && rows[i - 1]!.group !== row.group ? 'first' : ''}"><th scope="row">${row.name}</th>${row.cells.map(cell)}</tr>`,
  )}</tbody>
</table></div>
<p class="soft heat-words">${caption}</p>`
}

function cell({ text, strength, tone, title, strong }: HeatCell): Markup {
  const share = Math.round(Math.min(1, Math.max(0, strength)) * DEEPEST)
  return html`<td class="n" title="${title}" style="background:color-mix(in srgb,var(--${tone}) ${share}%,var(--card))">${strong ? html`<b>${text}</b>` : text}</td>`
}

/** Rules of the map, beside the page's own. */
export const HEAT_STYLE = `
.heat table{border-collapse:separate;border-spacing:2px}
.heat-words{font-size:.88rem;margin:.4rem .2rem 1.4rem}
.heat td{border:0;border-radius:.3rem;padding:.35rem .6rem;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.heat th{border:0;padding:.35rem .8rem}.heat tbody th{position:sticky;left:0;background:var(--card);color:var(--ink)}
.heat tr.first td,.heat tr.first th{border-top:.5rem solid var(--card)}
@media(max-width:34rem){.heat table{border-spacing:1px}.heat td{padding:.25rem .12rem;font-size:.72rem;text-align:center}.heat th{padding:.25rem .3rem;font-size:.7rem}.heat th.n{text-align:center}}
`
