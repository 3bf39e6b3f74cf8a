import type { FlippedRow } from '../report/index.ts'
import { upperProportion } from '../statistics/index.ts'
import type { Flip } from './flips.ts'
import type { ScoredRows } from './score-rows.ts'
import { type Slice, slicesOf } from './slices/slices.ts'

/**
 * The fields of a comparison that do not depend on whether there are labels. Changed answers are counted among the rows
 * at `places`: a row that is judged by nothing else must not count as changed either.
 */
export function commonFields(
  scored: ScoredRows,
  metric: string,
  { alpha }: { alpha: number },
  places: readonly number[] = scored.rows.map((_, i) => i),
) {
  const n = places.length
  const changed = places.filter((i) => scored.changed[i]).length
  const flips = [...scored.flips].sort((a, b) => a.gain - b.gain || a.shown.row - b.shown.row)
  return {
    kind: 'comparison' as const,
    version: 1 as const,
    metric,
    alpha,
    agreement: scored.differences.classLike
      ? { rate: 1 - changed / n, changed, changedUpperBound: upperProportion({ successes: changed, n, alpha }) }
      : null,
    outputs: scored.differences.outputs(),
    batch: scored.batch,
    ...(flips.length > 0 ? { flips: flips.map((flip) => withConfidence(flip, scored.classes)) } : {}),
  }
}

function withConfidence({ shown, place }: Flip, classes: ScoredRows['classes']): FlippedRow {
  const base = classes?.base.confidence[place]
  const candidate = classes?.candidate.confidence[place]
  return Number.isFinite(base) && Number.isFinite(candidate)
    ? { ...shown, confidence: { base: base!, candidate: candidate! } }
    : shown
}

/** The slices of every field that was read along. */
export function allSlices(scored: ScoredRows): readonly Slice[] {
  return [...scored.slices].flatMap(([field, values]) => slicesOf(field, values))
}
