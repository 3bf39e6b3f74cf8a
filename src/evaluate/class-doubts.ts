import { type ComparisonReport, grouped } from '../report/index.ts'
import { rowsToShow } from '../statistics/index.ts'

/** Names of classes that a sentence holds. */
const NAMED = 8

/**
 * Classes that a verdict over all rows says nothing of: those without a row, and those with so few that a candidate which
 * loses half of the answers to them would lose none of these with a probability of more than α, (1/2)ⁿ > α. Where all rows
 * are of one class, `labelDoubts` says so.
 */
export function classDoubts({ classes = [], alpha }: Pick<ComparisonReport, 'classes' | 'alpha'>): readonly string[] {
  const shown = classes.filter(({ n }) => n > 0)
  if (shown.length < 2) return []
  const most = rowsToShow(1 / 2, alpha) - 1
  const missing = classes.filter(({ n }) => n === 0)
  const few = shown.filter(({ n }) => n <= most)
  return [
    ...(missing.length === 0
      ? []
      : [
          `${missing.length === 1 ? 'One class has' : `${grouped(missing.length)} classes have`} no row here, so nothing is known of ${missing.length === 1 ? 'it' : 'them'}: ${listed(missing.map(({ name }) => name))}.`,
        ]),
    ...(few.length === 0
      ? []
      : [
          `${few.length === 1 ? 'One class has' : `${grouped(few.length)} classes have`} at most ${grouped(most)} rows, which would hardly show it if half of the answers to ${few.length === 1 ? 'it' : 'one'} were lost: ${listed(few.map(({ name, n }) => `${name} (${n === 1 ? '1 row' : `${grouped(n)} rows`})`))}.`,
        ]),
  ]
}

const listed = (names: readonly string[]) =>
  `${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${grouped(names.length - NAMED)} more` : ''}`
