import type { ProfileReport } from '../../report/index.ts'
import { kernelMs } from '../profile-times.ts'
import { ms, plural } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { CHART_WIDTH } from './scale.ts'

const ROWS = 10

/** Where the time goes by operator, before and after, on one scale. */
export function timeBars(before: ProfileReport, after: ProfileReport): Markup {
  const names = [...new Set([...Object.keys(before.operators), ...Object.keys(after.operators)])]
  const time = (profile: ProfileReport, name: string) => profile.operators[name]?.ms ?? 0
  const rows = names
    .map((name) => ({ name, before: time(before, name), after: time(after, name) }))
    .sort((a, b) => Math.max(b.before, b.after) - Math.max(a.before, a.after))
  const shown = rows.slice(0, ROWS)
  const rest = rows.slice(ROWS)
  if (rest.length > 0) {
    const sum = (pick: (row: (typeof rows)[number]) => number) => rest.reduce((total, row) => total + pick(row), 0)
    shown.push({ name: plural(rest.length, 'other'), before: sum((row) => row.before), after: sum((row) => row.after) })
  }
  const top = Math.max(...shown.map((row) => Math.max(row.before, row.after)), Number.MIN_VALUE)
  const long = (value: number) => Math.round((value / top) * 230)
  const label = `Milliseconds by operator before and after: ${shown.map((row) => `${row.name} ${ms(row.before)} to ${ms(row.after)}`).join('; ')}`
  // A picture for each operator: printed, a list of them goes on over the page's end.
  return html`<figure class="rows">
<div role="img" aria-label="${label}">${shown.map(
    (
      row,
    ) => html`<svg viewBox="0 0 ${CHART_WIDTH} 40"><text x="198" y="24" text-anchor="end">${row.name.length > 20 ? `${row.name.slice(0, 19)}…` : row.name}</text>
<rect x="206" y="6" width="${long(row.before)}" height="12" rx="2" fill="var(--bar)"/><text class="s" x="${212 + long(row.before)}" y="17">${row.before > 0 ? ms(row.before) : 'none'}</text>
<rect x="206" y="21" width="${long(row.after)}" height="12" rx="2" fill="var(--accent)"/><text class="s" x="${212 + long(row.after)}" y="32">${row.after > 0 ? ms(row.after) : 'none'}</text></svg>`,
  )}</div>
<figcaption>Median time inside the runtime's kernels, one run: the upper bar, grey, is the original (${ms(kernelMs(before))} in all), the lower, green, what is handed out (${ms(kernelMs(after))}). Each was looked at by itself, at a moment of its own, and noting the time of every operator takes time as well, so that many short ones may add up to more than a whole run takes without notes: how much faster one is, the speed above tells. Names are those of the graph that the runtime optimised.</figcaption>
</figure>`
}
