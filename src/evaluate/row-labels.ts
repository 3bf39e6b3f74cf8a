import type { Dataset } from '../data/index.ts'
import type { RowLabel } from './metric/metric.ts'

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
