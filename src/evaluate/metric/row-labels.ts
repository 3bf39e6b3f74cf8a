import type { Dataset } from '../../data/index.ts'
import { UserError } from '../../platform/index.ts'
import type { RowLabel } from './metric.ts'

/** A label as messages show it. */
export function shownLabel(label: RowLabel | undefined): string {
  if (typeof label === 'object') return `of ${label.length} values`
  return typeof label === 'number' ? String(label) : JSON.stringify(label)
}

/** A class as people read it: by its name, or by its number where it has none. */
export const className = (place: number, names: readonly string[] | undefined): string =>
  names?.[place] ?? String(place)

/** A label as people read it, a class by its name; null where it is neither one number nor one text. */
export function labelText(label: RowLabel | undefined, data: Dataset): string | null {
  if (typeof label === 'number') return className(label, data.classNames)
  return typeof label === 'string' ? label : null
}

/**
 * Sees that a row has a label.
 *
 * @param without What is done with rows of which none has a label.
 * @throws UserError `bad-data` for an empty cell, a null or NaN: that is no label, whatever the metric.
 */
export function requireLabel(
  label: RowLabel | undefined,
  row: number,
  without = 'agreement with the base model is judged',
): void {
  if (!Number.isNaN(label) && label !== '') return
  throw new UserError('bad-data', `row ${row} (counted from 0) has no label: it is empty or NaN`, {
    where: `row ${row}`,
    hint: `give it one or leave the row out; without any labels, ${without}`,
  })
}
