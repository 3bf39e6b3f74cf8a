import type { ComparisonReport } from './comparison.ts'
import { grouped } from './grouped.ts'

/** Share of the baseline's error below which hardly any change keeps a margin. */
const HARDLY_ANYTHING = 0.01

/** What tells whether a margin is hardly anything: the metric on the rows judged, and what would be accepted of it. */
type Accepted = Pick<ComparisonReport, 'metric' | 'higherIsBetter' | 'labelled' | 'base' | 'margin'>

/**
 * How many per cent a margin is of an error that has no upper end, such as `mae`, which is in the units of the labels, and
 * what to name instead, in words: 0.01 of a price is nothing. Null where it is a hundredth of the baseline's error or more.
 */
export function hardlyAMargin({
  higherIsBetter,
  labelled,
  base,
  margin,
}: Omit<Accepted, 'metric'>): { readonly percent: string; readonly instead: string } | null {
  if (!labelled || higherIsBetter || margin === undefined) return null
  const { value } = base
  if (value === null || margin >= HARDLY_ANYTHING * value) return null
  const digits = (number: number) => String(Number(number.toPrecision(2)))
  return {
    percent: digits((100 * margin) / value),
    instead: `such as --margin ${digits(HARDLY_ANYTHING * value)} for 1 %`,
  }
}

/** Why so many rows are asked for, where it is the margin that must be named; else nothing. */
export function forSuchAMargin(report: Accepted): string {
  const small = hardlyAMargin(report)
  if (!small) return ''
  return ` (for a margin of ${small.percent} % of this ${report.metric}: name what you would accept, ${small.instead})`
}

/**
 * What would settle a comparison, in words: `268 rows`; `268 different rows` where as many alike are there already; and
 * where answers changed without labels, `268 rows with their right answers`. A margin that is hardly anything is said.
 * Null where nothing is known to.
 */
export function rowsWanted(report: Accepted & Pick<ComparisonReport, 'requiredN' | 'n' | 'agreement'>): string | null {
  const { requiredN, n, labelled, agreement } = report
  if (requiredN === null) return null
  if (!labelled && agreement?.changed !== 0) return `${grouped(requiredN)} rows with their right answers`
  return `${grouped(requiredN)} ${requiredN <= n ? 'different rows' : 'rows'}${forSuchAMargin(report)}`
}
