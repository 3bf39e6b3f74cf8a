import type { SliceResult } from '../../report/index.ts'
import type { PairedScores } from '../judge/paired-scores.ts'
import { judgeSlices, type SliceRule } from './slice-verdicts.ts'

/** More lines than this nobody reads: of a model that knows more classes, those that the rows show; of more labels, none. */
const MOST_CLASSES = 1000

/**
 * One line a class of the labels, judged as a slice: each at its own, Holm to name the regressed ones. A class that the
 * model knows and the rows do not show is `inconclusive` with no rows; nothing is known of it.
 *
 * @param labels of the rows, as text.
 * @param known names of all classes, where they are known.
 */
export function classTable(
  labels: readonly string[],
  known: readonly string[],
  scoresOf: (rows: readonly number[]) => PairedScores,
  rule: SliceRule & { readonly requiredN: number },
): readonly SliceResult[] | null {
  const groups = new Map<string, number[]>(known.length <= MOST_CLASSES ? known.map((name) => [name, []]) : [])
  for (const [row, label] of labels.entries()) {
    const rows = groups.get(label)
    if (rows) rows.push(row)
    else groups.set(label, [row])
  }
  if (groups.size > MOST_CLASSES || groups.size < 2) return null
  const places = new Map(known.map((name, place) => [name, place]))
  const order = [...groups].sort(([a], [b]) => {
    const [one, other] = [places.get(a), places.get(b)]
    return one !== undefined && other !== undefined ? one - other : a.localeCompare(b, 'en', { numeric: true })
  })
  const shown = order.filter(([, rows]) => rows.length > 0)
  const judged = judgeSlices(
    shown.map(([name, rows]) => ({ field: 'class', name, rows })),
    scoresOf,
    { ...rule, declared: new Set() },
  )
  const results = new Map(judged.map((result) => [result.name, result]))
  return order.map(([name]) => {
    const { declared: _, ...result } = results.get(name) ?? empty(name, rule)
    return result
  })
}

function empty(name: string, rule: SliceRule & { readonly requiredN: number }): SliceResult {
  return {
    name,
    n: 0,
    verdict: 'inconclusive',
    margin: rule.marginOf({ field: 'class', name, rows: [] }),
    base: null,
    candidate: null,
    discordant: null,
    lowerBound: null,
    upperBound: null,
    requiredN: rule.requiredN,
  }
}
