import type { ComparisonReport, Grade, Verdict } from '../report/index.ts'
import { clopperPearson, requiredN, rowsToShow, upperProportion } from '../statistics/index.ts'
import { CLOSE_AGREEMENT, CLOSE_DB } from './noise/close.ts'
import { measured } from './noise/lowest-sqnr.ts'

/** What was counted on rows without labels. */
export interface AgreementCounts {
  readonly n: number
  /** Rows whose top answer changed; null where the outputs hold no top answers. */
  readonly changed: number | null
  /** Rows with any difference at all. */
  readonly different: number
  /** Rows on which only the candidate gives NaN or infinity. */
  readonly broken: number
  /** Signal to noise of the outputs that hold no top answer, worst first to judge: null is identical. */
  readonly denseDb: readonly (number | null)[]
  /** The same of all outputs but names beside scores, whose answers are counted. */
  readonly allDb: readonly (number | null)[]
  /** Where rows are independent only between clusters: how many there are, and of how many the same can be said. */
  readonly clusters?: AgreeingClusters | undefined
}

/** Rows that belong together, counted as one each. */
export interface AgreeingClusters {
  readonly n: number
  /** Those with any changed answer; null where there are no answers. */
  readonly changed: number | null
  /** Those with any difference. */
  readonly different: number
  /** Those where every row is broken: what breaks in part must not make the rate look larger than it is. */
  readonly broken: number
}

interface AgreementJudgement {
  readonly verdict: Verdict
  readonly grade: Grade
  readonly agreement: ComparisonReport['agreement']
  /**
   * Rows that would settle it: as they are where nothing has changed so far, *with labels* where something has; null
   * where settled, where no answers can be counted, and where enough were but other outputs are far off: no more rows
   * bring these nearer.
   */
  readonly requiredN: number | null
}

/** Whether outputs with these signals to noise are near to those of the base model; null is identical. */
const keeps = (decibels: readonly (number | null)[]) => decibels.every((db) => db === null || db >= CLOSE_DB)

/** Whether a model earns the grade `close`: all of its outputs are near, or nearly all answers are the same. */
const isClose = (decibels: readonly (number | null)[], agreement: ComparisonReport['agreement']): boolean =>
  keeps(decibels) || (agreement !== null && agreement.rate >= CLOSE_AGREEMENT)

/** Whether a comparison, whatever its verdict, saw outputs or answers near enough for the grade `close`. */
export const staysClose = ({ outputs, agreement }: Pick<ComparisonReport, 'outputs' | 'agreement'>): boolean =>
  isClose(
    measured({ outputs }).map(({ sqnrDb }) => sqnrDb),
    agreement,
  )

/**
 * Judges two models without labels. A changed answer has no direction then, so what can be proven is only that few
 * change: where the one-sided Clopper–Pearson bound on their rate is at most the margin, no accuracy can differ by
 * more, and the verdict is `pass` (`proven`). Outputs that hold no top answer must besides keep 25 dB; where there are
 * only such outputs, rows with *any* difference are counted instead.
 *
 * `regressed` needs a direction: rows on which only the candidate breaks down (NaN, infinity), where the lower bound
 * of their rate is above the margin. Everything else is `inconclusive`, with the grade `close` where every output
 * keeps 25 dB or 99 % of the top answers agree: close is a grade, not a verdict, because nothing here tells what the
 * difference does to the task. Whoever hands out such a model says so.
 *
 * Of clusters each counts once, and as changed where any of its answers is: bounds are on the share of clusters, which
 * that of rows does not exceed where they are about as large.
 *
 * @throws RangeError for no rows.
 */
export function judgeAgreement(counts: AgreementCounts, margin: number, alpha: number): AgreementJudgement {
  const { n, changed, different, broken, denseDb, allDb } = counts
  if (n === 0) throw new RangeError('no rows, no verdict')
  const units = counts.clusters ?? counts
  const bound = (successes: number) => upperProportion({ successes, n: units.n, alpha })
  const counted = changed ?? (different === 0 ? 0 : null)
  const agreement =
    counted === null
      ? null
      : { rate: 1 - counted / n, changed: counted, changedUpperBound: bound(units.changed ?? units.different) }
  const provenBySameness = bound(units.different) <= margin
  const enough = units.changed !== null && bound(units.changed) <= margin
  const provenByAnswers = enough && keeps(denseDb)
  if (broken === 0 && (provenBySameness || provenByAnswers))
    return { verdict: 'pass', grade: 'proven', agreement, requiredN: null }
  if (clopperPearson({ successes: units.broken, n: units.n, alpha: 2 * alpha })[0] > margin)
    return { verdict: 'regressed', grade: null, agreement, requiredN: null }
  const close = broken === 0 && isClose(allDb, agreement)
  const wanted = enough && !keeps(denseDb) ? null : rowsWanted(counted, n, margin, alpha)
  // Of new clusters, with as many rows each.
  const rows = wanted === null ? null : Math.ceil((wanted * n) / units.n)
  return { verdict: 'inconclusive', grade: close ? 'close' : null, agreement, requiredN: rows }
}

/** With nothing changed, rows as they are. Else labels, for a direction is missing. */
function rowsWanted(changed: number | null, n: number, margin: number, alpha: number): number | null {
  if (changed === null || margin >= 1) return null
  if (changed === 0) return rowsToShow(margin, alpha)
  return requiredN({ discordance: changed / n, margin, alpha })
}
