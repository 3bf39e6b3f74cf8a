import type { Dataset } from '../data/index.ts'
import type { RowLabel } from './metric/metric.ts'
import { fieldsOfRows } from './row-fields.ts'

/** Labels alone are small: so many at a time. */
const LABELS_AT_ONCE = 1024

/**
 * Of the rows at `indices`, those whose labels a metric would refuse if it refused any: the first that has none, the
 * first that is no whole number, and the least and the greatest. None where a label is more than one value.
 *
 * @throws UserError for a name that the data set itself does not know.
 */
export async function oddLabels(
  data: Dataset,
  indices: readonly number[],
  field: string | undefined,
): Promise<readonly number[]> {
  const name = field ?? data.fields.find(({ role }) => role === 'label')?.name
  if (!data.fields.find((known) => known.name === name)?.rowShape.every((dim) => dim === 1)) return []
  const first = new Map<string, number>()
  let least = { label: Number.POSITIVE_INFINITY, row: -1 }
  let greatest = { label: Number.NEGATIVE_INFINITY, row: -1 }
  for await (const rows of data.read({ indices, fields: [name!], batch: LABELS_AT_ONCE }))
    for (const [i, fields] of fieldsOfRows(rows).entries()) {
      const label = fields[name!]!
      const row = rows.indices[i]!
      const odd = oddness(label)
      if (odd !== null && !first.has(odd)) first.set(odd, row)
      if (typeof label !== 'number') continue
      if (label < least.label) least = { label, row }
      if (label > greatest.label) greatest = { label, row }
    }
  return [...new Set([...first.values(), least.row, greatest.row])].filter((row) => row >= 0)
}

/** In what a label is unlike that of a class; null where in nothing. */
function oddness(label: RowLabel): string | null {
  if (Number.isNaN(label) || label === '') return 'none'
  return typeof label === 'number' && !Number.isInteger(label) ? 'fraction' : null
}
