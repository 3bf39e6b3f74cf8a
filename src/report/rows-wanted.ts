import type { ComparisonReport } from './comparison.ts'
import { grouped } from './grouped.ts'

/**
 * What would settle a comparison, in words: `268 rows`; `268 different rows` where as many alike are there already; and
 * where answers changed without labels, `268 rows with their right answers`. Null where nothing is known to.
 */
export function rowsWanted({
  requiredN,
  n,
  labelled,
  agreement,
}: Pick<ComparisonReport, 'requiredN' | 'n' | 'labelled' | 'agreement'>): string | null {
  if (requiredN === null) return null
  if (!labelled && agreement?.changed !== 0) return `${grouped(requiredN)} rows with their right answers`
  return `${grouped(requiredN)} ${requiredN <= n ? 'different rows' : 'rows'}`
}
