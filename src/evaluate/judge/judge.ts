import type { ComparisonReport, Verdict } from '../../report/index.ts'
import {
  type BootstrapResult,
  bootstrap,
  mcnemar,
  meanAt,
  normalCdf,
  normalQuantile,
  normalSurvival,
  requiredN,
  studentQuantile,
  studentSurvival,
  tango,
} from '../../statistics/index.ts'
import type { Flattery } from '../metric/metric.ts'
import { cautiousBounds, degreesOf, readingsOf, zOfReading } from './cautious-bounds.ts'
import { MOST_Z, NOT_FLATTERED, unflattered, widened, zOfFlattered, zOfUnseen } from './hidden-loss.ts'
import type { PairedScores } from './paired-scores.ts'
import { effectOfCompany } from './row-company.ts'
import { roomToLose, type Unseen, unseenCost } from './unseen-cost.ts'
import { losesMargin, rowsToSettle, verdictOf } from './verdict.ts'

export interface JudgeOptions {
  /** Largest loss that is accepted, in the units of the metric; above 0. */
  readonly margin: number
  readonly alpha: number
  readonly seed?: number
  /** Of the bootstrap; 10,000, fewer (at least 1,000) where there are many rows or a metric that is no mean. */
  readonly resamples?: number
}

/** A verdict with its evidence. `lowerBound`, `upperBound` and `delta` count higher as better, whatever the metric. */
export interface Judgement {
  readonly verdict: Verdict
  readonly n: number
  readonly base: number
  readonly candidate: number
  readonly delta: number
  readonly lowerBound: number
  readonly upperBound: number
  readonly discordant: ComparisonReport['discordant']
  readonly nonInferiority: ComparisonReport['nonInferiority']
  readonly mcnemar: ComparisonReport['mcnemar']
  readonly measurablyWorse: boolean
  readonly measurablyBetter: boolean
  readonly requiredN: number | null
  /** Even the worst possible answers would keep the margin: inconclusive, for nothing could be seen. */
  readonly nothingToLose?: boolean
  /** What rows that break could cost without one among these: inconclusive, where that alone stands in the way of a pass. */
  readonly unseenCost?: number
  /** One-sided p-value that the table's `regressed` rests on: 1 where the point estimate is above −margin. */
  readonly pRegressed: number
  /** One-sided p-value of "the candidate is worse at all". */
  readonly pWorse: number
}

/**
 * Fewer rows (or clusters) than this never settle a metric whose scores are not right-or-wrong: a bootstrap of them means
 * little.
 */
export const FEWEST_ROWS = 20
/** So many rows of a kind are in nearly every resample. */
const RARE_ROWS = 12

/**
 * Judges two models on the same rows, by the product's table. Right-or-wrong scores: Tango's score interval and
 * mid-p McNemar, of rows whose scores rest on each other as of fewer rows (`company`). Other metrics, and clustered rows:
 * a paired bootstrap, of its BCa interval and Student's with its standard error the more cautious end (see
 * `cautiousBounds`). With fewer than 20 rows (or clusters), or so few of a kind that the metric is undefined on some
 * resample, never settled. With fewer than 5 rows that differ, the bound is what unseen changes could still cost
 * (Clopper–Pearson bound on their share, times the range of the scores, which is taken as at least 100 margins where it is
 * unknown). Where more rows differ, but hardly any of them, or none of some group that weighs as much as the others (a rare
 * class of a macro average), broke altogether, what that hides is added to what was seen. Where fewer than 5 differ, groups
 * that are judged by their own rows alone have one bound together; of others the bounds add up. A metric that flatters
 * worse models by chance (`flattery`) has bounds that are as much wider. Where the base is nearer to the worst possible
 * score than the margin, nothing can be lost and nothing is settled.
 *
 * @throws RangeError for no rows, a margin that is not above 0, or scores that are not finite.
 */
export function judge(scores: PairedScores, options: JudgeOptions): Judgement {
  const n = scores.base.length
  if (n === 0) throw new RangeError('no rows, no verdict')
  if (scores.candidate.length !== n) throw new RangeError(`${n} base scores, ${scores.candidate.length} others`)
  if (!(options.margin > 0)) throw new RangeError(`margin must be above 0, got ${options.margin}`)
  for (let i = 0; i < n; i++)
    if (!Number.isFinite(scores.base[i]!) || !Number.isFinite(scores.candidate[i]!))
      throw new RangeError(`the score of row ${i} is not finite`)
  const counts = scores.rightOrWrong ? countPairs(scores) : null
  const judgement =
    counts && !scores.aggregate && !scores.clusters
      ? judgeCounts(counts, scores, options)
      : judgeValues(counts, scores, options)
  // The worst answers there are would pass as well: no row is evidence then, and where there are enough of them for a
  // pass, more like them would be none either. A base that misses the one row there is may be right on the next.
  return judgement.verdict !== 'regressed' && nothingToLose(judgement.base, scores, options.margin)
    ? { ...judgement, verdict: 'inconclusive', nothingToLose: true, measurablyWorse: false }
    : judgement
}

/** Whether the base is so near to the worst possible score that no candidate could lose the margin. */
function nothingToLose(base: number, { higherIsBetter, rightOrWrong, bounds }: PairedScores, margin: number): boolean {
  const [least, most] = bounds ?? (rightOrWrong ? [0, 1] : [-Infinity, Infinity])
  return (higherIsBetter ? base - least : most - base) < margin
}

interface Counts {
  readonly baseOnly: number
  readonly candidateOnly: number
  readonly baseRight: number
  readonly n: number
}

function countPairs({ base, candidate }: PairedScores): Counts {
  let [baseOnly, candidateOnly, baseRight] = [0, 0, 0]
  for (let i = 0; i < base.length; i++) {
    if ((base[i] !== 0 && base[i] !== 1) || (candidate[i] !== 0 && candidate[i] !== 1))
      throw new RangeError(`row ${i} is scored ${base[i]} and ${candidate[i]}: right-or-wrong scores are 0 or 1`)
    if (base[i] === 1) baseRight++
    if (base[i]! > candidate[i]!) baseOnly++
    else if (candidate[i]! > base[i]!) candidateOnly++
  }
  return { baseOnly, candidateOnly, baseRight, n: base.length }
}

/** Rows that one model alone answers right; where scores count errors, a 0 is right. */
function onlyOneRight({ baseOnly, candidateOnly }: Counts, higherIsBetter: boolean) {
  return higherIsBetter ? { baseOnly, candidateOnly } : { baseOnly: candidateOnly, candidateOnly: baseOnly }
}

function judgeCounts(counts: Counts, scores: PairedScores, { margin, alpha }: JudgeOptions): Judgement {
  const { n, baseRight } = counts
  const { baseOnly: worse, candidateOnly: better } = onlyOneRight(counts, scores.higherIsBetter)
  const designEffect = effectOfCompany(scores)
  // A margin of everything and more proves nothing that needs a test.
  const most = Math.min(margin, 1 - 1e-9)
  const score = tango({ baseOnly: worse, candidateOnly: better, n, margin: most, alpha, designEffect })
  const pairs = mcnemar({ baseOnly: worse, candidateOnly: better })
  const chanceOf = (lost: number, gained: number) =>
    designEffect === 1 || lost + gained === 0
      ? mcnemar({ baseOnly: lost, candidateOnly: gained }).midPWorse
      : normalCdf((gained - lost) / Math.sqrt((gained + lost) * designEffect))
  const pWorse = chanceOf(worse, better)
  const delta = (better - worse) / n
  const discordance = (better + worse) / n
  const significantlyWorse = pWorse < alpha
  const verdict = verdictOf({ ...score, delta, significantlyWorse, margin })
  const least = requiredN({ discordance: 0, margin, alpha })
  const plan = {
    n: n / designEffect,
    variance: discordance - delta ** 2,
    discordance,
    delta,
    margin,
    alpha,
    least,
    z: score.z,
  }
  return {
    verdict,
    n,
    base: baseRight / n,
    candidate: (baseRight - counts.baseOnly + counts.candidateOnly) / n,
    delta,
    lowerBound: score.lowerBound,
    upperBound: score.upperBound,
    discordant: { baseOnly: worse, candidateOnly: better },
    nonInferiority: { margin, z: score.z, p: score.p, ci: score.ci, lowerBound: score.lowerBound },
    // It asks for rows that are independent.
    mcnemar: designEffect === 1 ? { exact: pairs.exact, midP: pairs.midP } : null,
    measurablyWorse: verdict === 'pass' && significantlyWorse,
    measurablyBetter: chanceOf(better, worse) < alpha,
    requiredN: verdict === 'inconclusive' ? Math.ceil(designEffect * rowsToSettle(plan)) : null,
    pRegressed: losesMargin({ delta, margin }) ? Math.min(pWorse, normalSurvival(-score.z)) : 1,
    pWorse,
  }
}

function judgeValues(counts: Counts | null, scores: PairedScores, options: JudgeOptions): Judgement {
  const { margin, alpha } = options
  const { higherIsBetter } = scores
  const n = scores.base.length
  const metricOf = metricOver(scores)
  const all = Int32Array.from({ length: n }, (_, i) => i)
  const drawn = drawDifferences(metricOf, scores, options)
  const { estimate: delta, units } = drawn
  const base = metricOf('base', all)
  const unseen = unseenCost(scores, roomToLose(scores, base), margin, alpha)
  const tooFew = unseen?.tooFew ?? false
  const readings = readingsOf(drawn, tooFew)
  const plain = cautiousBounds(drawn, readings, alpha)
  const { loss, gain } = scores.flattery ?? NOT_FLATTERED
  const seenAt = (level: number) => {
    const own = level === alpha ? plain : cautiousBounds(drawn, readings, level)
    return scores.flattery ? unflattered(own, delta, scores.flattery, level) : own
  }
  const seen = seenAt(alpha)
  const { lower: lowerBound, upper: upperBound, ci } = unseen === null ? seen : widened(seen, delta, unseen, alpha)
  const few = units < FEWEST_ROWS || drawn.undefinedShare > 0
  const significantlyWorse = upperBound < 0 && !tooFew
  const settled = verdictOf({ delta, lowerBound, upperBound, significantlyWorse, margin })
  // The least α at which the bound that decides stays above −margin; it is beyond telling where a bootstrap cannot move.
  const student = readings.loss.map((reading) => zOfReading(reading, -margin))
  const shown = scores.flattery ? zOfFlattered(plain, delta, loss, options) : Math.min(...student, drawn.z)
  const hidden = unseen === null ? MOST_Z : zOfUnseen(unseen, delta, (level) => seenAt(level).lower, margin)
  const z = Math.max(-MOST_Z, Math.min(MOST_Z, shown, hidden))
  const undefinedValue = ![delta, lowerBound, upperBound].every(Number.isFinite)
  const verdict = few || undefinedValue ? 'inconclusive' : settled
  const pairs = counts ? mcnemar(counts) : null
  const pSeen = Math.max(
    ...readings.gain.map(({ value, error, degrees }) =>
      studentSurvival((-value - gain.by) / (Math.hypot(error, gain.error) || 1e-9), degrees),
    ),
  )
  return {
    verdict,
    n,
    base,
    candidate: metricOf('candidate', all),
    delta,
    lowerBound,
    upperBound,
    discordant: counts ? onlyOneRight(counts, higherIsBetter) : null,
    nonInferiority: undefinedValue ? null : { margin, z, p: normalSurvival(z), ci, lowerBound },
    mcnemar: pairs ? { exact: pairs.exact, midP: pairs.midP } : null,
    measurablyWorse: verdict === 'pass' && significantlyWorse,
    measurablyBetter: lowerBound > 0 && !tooFew,
    requiredN:
      verdict === 'inconclusive' && !undefinedValue
        ? rowsForValues({ n, drawn, readings, flattered: loss, unseen }, options)
        : null,
    pRegressed: !few && losesMargin({ delta, margin }) && seen.upper < 0 ? pSeen : 1,
    // Fewer rows that differ than a bootstrap can learn from say nothing.
    pWorse: few || undefinedValue || tooFew ? 1 : pSeen,
    ...(verdict === 'inconclusive' && !few && unseen && !tooFew && seen.lower > -margin
      ? { unseenCost: unseen.costAt(alpha) }
      : {}),
  }
}

/**
 * Rows with which no resample misses all of the rare ones that the metric needs: it does with probability e^−k of k of
 * them, and of some thousand resamples none does where k is 12.
 */
function rowsToDefine(n: number, undefinedShare: number): number {
  return undefinedShare > 0 ? Math.ceil((n * RARE_ROWS) / Math.max(1, -Math.log(undefinedShare))) : 0
}

/** What was seen of a metric that is no count of right answers. */
interface SeenValues {
  readonly n: number
  readonly drawn: BootstrapResult
  readonly readings: ReturnType<typeof readingsOf>
  /** How much smaller a loss looks than it is. */
  readonly flattered: Flattery
  readonly unseen: Unseen | null
}

/** Rows with which a verdict on such a metric would be settled, were they like these. */
function rowsForValues(seen: SeenValues, { margin, alpha }: JudgeOptions): number {
  const { n, drawn, readings, flattered, unseen } = seen
  const { estimate: delta, standardError, units, undefinedShare, effectiveUnits } = drawn
  // What flatters shrinks with more rows as the standard error does.
  const shift = flattered.by + delta - readings.loss.at(-1)!.value
  const shiftError = shift / (normalQuantile(1 - alpha) + normalQuantile(0.8))
  const least = [Math.ceil((FEWEST_ROWS * n) / units), rowsToDefine(n, undefinedShare), unseen?.rows ?? 0]
  return rowsByDegrees({ n, tooFew: unseen?.tooFew ?? false, alpha, effectiveUnits }, (widening) =>
    rowsToSettle({
      n,
      variance: (Math.hypot(standardError * widening, flattered.error) + shiftError) ** 2 * n,
      discordance: null,
      delta,
      margin,
      alpha,
      least: Math.max(...least),
    }),
  )
}

/** Rows planned for a normal bound, then for one as much wider as Student's will be on so many of them. */
function rowsByDegrees(
  seen: { readonly n: number; readonly effectiveUnits: number; readonly tooFew: boolean; readonly alpha: number },
  rowsAt: (widening: number) => number,
): number {
  const { n, effectiveUnits, tooFew, alpha } = seen
  const degrees = degreesOf({ effectiveUnits: (effectiveUnits * rowsAt(1)) / n }, tooFew)
  // At a half both are 0.
  const level = Math.min(alpha, 0.4)
  return rowsAt(studentQuantile(1 - level, degrees) / normalQuantile(1 - level))
}

type Aggregate = NonNullable<PairedScores['aggregate']>

/** The metric of either model over some rows: their mean score unless the scores say how they become one figure. */
function metricOver({ base, candidate, aggregate }: PairedScores): Aggregate {
  return aggregate ?? ((who, rows) => meanAt(who === 'base' ? base : candidate, rows))
}

/** Bootstraps how much better the candidate is, against the margin. */
function drawDifferences(metricOf: Aggregate, scores: PairedScores, options: JudgeOptions): BootstrapResult {
  const n = scores.base.length
  const sign = scores.higherIsBetter ? 1 : -1
  return bootstrap({
    rows: n,
    statistic: (rows) => sign * (metricOf('candidate', rows) - metricOf('base', rows)),
    clusters: scores.clusters,
    seed: options.seed ?? 0,
    resamples: options.resamples ?? Math.round(Math.min(scores.aggregate ? 2_000 : 10_000, Math.max(1_000, 2e7 / n))),
    alpha: options.alpha,
    against: -options.margin,
  })
}
