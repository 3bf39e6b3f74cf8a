import { html, type Markup, raw } from './markup.ts'
import { STYLE } from './style.ts'

/** One self-contained page: no network, no script. */
export function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body><main>
${raw(withUnits(body.html))}
</main></body>
</html>
`.html
}

/** No line parts a number from its unit. What is to be copied stays as it is. */
const withUnits = (text: string): string =>
  text
    .split(/(<pre>[\s\S]*?<\/pre>|<code>[\s\S]*?<\/code>)/)
    .map((part, i) =>
      i % 2 === 1 ? part : part.replace(/(\d) (?=(?:[mµ]?s|[KMGT]?B|µJ|mJ|dB|%)(?![\w]))/g, '$1\u00a0'),
    )
    .join('')

/** The colour word of a verdict with its grade. */
export function badge(verdict: string | null, grade: string | null, said?: string): Markup {
  if (verdict === null) return html`<span class="badge none">not judged</span>`
  const tone = grade === 'close' && toneOf(verdict) === 'warn' ? 'near' : toneOf(verdict)
  const words = said ?? (grade === 'close' ? 'close, not proven' : grade === 'proven' ? `${verdict}, proven` : verdict)
  return html`<span class="badge ${tone}">${words}</span>`
}

/** The tone of a verdict by itself. */
export const toneOf = (verdict: string): 'good' | 'bad' | 'warn' =>
  verdict === 'pass' ? 'good' : verdict === 'regressed' ? 'bad' : 'warn'

/** A point for each line; nothing without lines. */
export const list = (lines: readonly (Markup | string)[]): Markup =>
  lines.length === 0 ? html`` : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`

/** The same under a heading. */
export const listUnder = (title: string, lines: readonly (Markup | string)[]): Markup =>
  lines.length === 0 ? html`` : html`<h2>${title}</h2>${list(lines)}`

interface TableColumn<Row> {
  readonly head: string
  readonly numeric?: boolean
  cell(row: Row): Markup | string | number
}

/** Tables of more columns show each row as a card on a phone, its cells under their heads, so that none is out of sight. */
const MOST_ON_A_PHONE = 4

/** A table that scrolls sideways where it is too wide, by keys too, so it has a name; `rowClass` names the style of a row, `asCards` says what a phone shows. */
export function table<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  rowClass: (row: Row) => string = () => '',
  asCards = columns.length > MOST_ON_A_PHONE,
): Markup {
  const side = (column: TableColumn<Row>) => (column.numeric ? 'n' : '')
  // What names a row is its head, which is read out with each of its cells.
  const cell = (column: TableColumn<Row>, row: Row, names: boolean) =>
    names
      ? html`<th scope="row" class="of">${column.cell(row)}</th>`
      : html`<td class="${side(column)}" data-head="${column.head}">${column.cell(row)}</td>`
  const heads = columns.flatMap(({ head }) => head || [])
  const cards = asCards ? 'cards-of-rows' : ''
  return html`<div class="scroll ${cards}" tabindex="0" role="group" aria-label="Table of ${heads.join(', ')}"><table>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${side(column)}">${column.head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr class="${rowClass(row)}">${columns.map((column, i) => cell(column, row, i === 0 && !column.numeric))}</tr>`)}</tbody>
</table></div>`
}
