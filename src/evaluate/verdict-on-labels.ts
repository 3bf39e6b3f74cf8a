import { UserError } from '../platform/index.ts'
import { type ComparisonReport, type Grade, grouped, type Verdict } from '../report/index.ts'
import { rowsToShow } from '../statistics/index.ts'
import { staysClose } from './agreement.ts'
import { amountText, rowsOf, short } from './amounts.ts'
import { detailsOf } from './comparison-details.ts'
import { allSlices, commonFields } from './comparison-fields.ts'
import { FEWEST_ROWS, type Judgement, judge } from './judge/judge.ts'
import { type PairedScores, pairedScores } from './judge/paired-scores.ts'
import type { Metric } from './metric/metric.ts'
import type { ScoredRows } from './score-rows.ts'
import { sentenceOf } from './sentence.ts'
import { judgeSlices, type SliceRule } from './slices/slice-verdicts.ts'

interface LabelOptions {
  readonly margin: number
  readonly alpha: number
  readonly seed: number
  /** The field whose values name clusters. */
  readonly clusterField: string | null
  /** Whether hidden slices, gaps between groups and the tail are looked for as well; it takes a few seconds. */
  readonly deep: boolean
}

/**
 * The report on rows that a metric scored. A row without a score (NaN) in either model is left out and listed; where
 * only the candidate has none the verdict is `regressed`, for no margin covers an answer that is not a number.
 *
 * @throws UserError where the metric scores no row at all.
 */
export function verdictOnLabels(
  scored: ScoredRows,
  metric: Metric,
  labelled: boolean,
  options: LabelOptions,
  rule: SliceRule,
): ComparisonReport {
  const { margin, alpha, seed } = options
  const { scoredByBase, usable, lost } = usableRows(scored, metric)
  const unscored = scored.rows.length - usable.length
  const rightOrWrong = isRightOrWrong(scored, metric)
  const scoresOf = scoresOver(scored, metric, rightOrWrong)
  const judgement = usable.length > 0 ? judge(scoresOf(usable), options) : null
  const place = new Set(usable)
  const usableSlices = allSlices(scored)
    .map((slice) => ({ ...slice, rows: slice.rows.filter((row) => place.has(row)) }))
    .filter(({ rows }) => rows.length > 0)
  const common = commonFields(scored, metric.name, options, scoredByBase)
  const verdict: Verdict = lost > 0 ? 'regressed' : judgement!.verdict
  const slices = judgeSlices(usableSlices, scoresOf, rule)
  const warnings = [
    ...withoutNumber(metric, { lost, others: unscored - lost, rows: scored.rows.length }),
    ...(judgement && !Number.isFinite(judgement.delta)
      ? [
          `The metric "${metric.name}" is undefined on these rows, as where all of their labels, or all answers, are the same: add others, or choose another --metric.`,
        ]
      : []),
    ...(judgement ? boundNotTrusted(judgement, metric, margin) : []),
    ...(judgement ? breaksUnseen(judgement, metric, alpha) : []),
    ...(verdict === 'inconclusive' ? fewClusters(scored, usable, options.clusterField) : []),
    ...(verdict === 'pass' ? marginAboveError(metric, judgement!.base, margin) : []),
    ...(verdict === 'pass' ? rareLosses(metric, usable.length, alpha) : []),
  ]
  const details = { scored, metric, rightOrWrong, usable, scoresOf, slices: usableSlices, rule }
  const { clusterField, deep } = options
  return {
    ...common,
    verdict,
    grade: gradeOf(verdict, common),
    sentence:
      lost > 0
        ? `Regressed: the candidate gives no number on ${grouped(lost)} of ${grouped(scored.rows.length)} rows where the baseline does.`
        : sentenceOf(judgement!, { metric, margin, alpha, labelled, changed: common.agreement?.changed ?? null }),
    higherIsBetter: metric.higherIsBetter,
    labelled,
    n: usable.length,
    ...evidenceOf(judgement, lost > 0),
    slices,
    warnings,
    ...detailsOf({ ...details, options: { margin, alpha, seed }, clusterField, deep }, { slices }),
    ...(unscored > 0 ? { skipped: unscoredRows(scored, place) } : {}),
  }
}

/** The places of the rows that the baseline has a score on, that both have, and on how many the candidate alone has none. */
function usableRows({ rows, base, candidate }: ScoredRows, { name }: Metric) {
  const scoredByBase = rows.map((_, i) => i).filter((i) => Number.isFinite(base[i]!))
  const usable = scoredByBase.filter((i) => Number.isFinite(candidate[i]!))
  if (scoredByBase.length === 0)
    throw new UserError('bad-data', `the metric "${name}" gives no number on any row`, {
      where: 'metric',
      hint: 'look for NaN in the rows, in the labels, and in what the baseline answers (whet predict writes that)',
    })
  return { scoredByBase, usable, lost: scoredByBase.length - usable.length }
}

/** What a verdict rests on; where scores were `lost`, it is these that it rests on, and more rows would settle nothing. */
function evidenceOf(judgement: Judgement | null, lost: boolean) {
  return {
    base: { value: finite(judgement?.base) },
    candidate: { value: finite(judgement?.candidate) },
    discordant: judgement?.discordant ?? null,
    nonInferiority: judgement?.nonInferiority ?? null,
    mcnemar: judgement?.mcnemar ?? null,
    requiredN: lost ? null : judgement!.requiredN,
    measurablyWorse: !lost && judgement!.measurablyWorse,
    ...(!lost && judgement!.nothingToLose ? { nothingToLose: true } : {}),
  }
}

/** Rows that the candidate lost its score on, and those that the baseline has none on either. */
function withoutNumber(
  { name }: Metric,
  { lost, others, rows }: { readonly lost: number; readonly others: number; readonly rows: number },
): readonly string[] {
  return [
    ...(lost > 0 ? [`The candidate gives no number on ${grouped(lost)} rows where the baseline does.`] : []),
    ...(others > 0
      ? [`The metric "${name}" gives no number on ${grouped(others)} of ${grouped(rows)} rows; they are left out.`]
      : []),
  ]
}

/** What stands in the way of a pass where the bound that is shown does not. */
function boundNotTrusted(
  { verdict, nothingToLose, lowerBound }: Judgement,
  { name }: Metric,
  margin: number,
): readonly string[] {
  if (verdict !== 'inconclusive' || nothingToLose || !(lowerBound > -margin)) return []
  return [
    `The bound of ${name} is within the margin, but these are too few rows, or too few of a kind that it needs, to trust it.`,
  ]
}

/** Where all that was seen is within the margin: what broke altogether would be a loss that these rows need not show. */
function breaksUnseen({ unseenCost, n }: Judgement, { unit }: Metric, alpha: number): readonly string[] {
  if (unseenCost === undefined) return []
  return [
    `What these ${rowsOf(n)} show is within the margin, but rows that break altogether may be too rare to be among them: that could cost ${amountText(unseenCost, unit)} more (${short(100 * (1 - alpha))} %).`,
  ]
}

/** Why rows settle nothing, however many they are: the clusters count, and there are few of them. */
function fewClusters({ clusters }: ScoredRows, usable: readonly number[], field: string | null): readonly string[] {
  if (!clusters || field === null) return []
  const count = new Set(usable.map((row) => clusters[row]!)).size
  if (count >= FEWEST_ROWS) return []
  return [
    `Rows with the same ${field} count as one, and there are ${count} of these: fewer than ${FEWEST_ROWS} settle nothing, and more rows of the same ones do not help. If ${field} is a group that has to hold on its own (a country, a device), declare it with --slice ${field} instead.`,
  ]
}

/** An error in units of its own has no natural margin: the usual one may be more than all that the base has. */
function marginAboveError({ name, higherIsBetter, bounds }: Metric, base: number, margin: number): readonly string[] {
  if (higherIsBetter || bounds || !(base > 0 && margin > base)) return []
  return [
    `The margin of ${short(margin)} is larger than the ${name} of the baseline (${short(base)}): a candidate with twice its errors would pass. Say what you would accept with --margin.`,
  ]
}

/** A row in so many may break without one of these rows showing it; less than that a pass is not blamed for. */
const RARE = 0.01

/**
 * What a bootstrap cannot know: where a score has no worst value, a few rows that break badly may cost any amount, and
 * 1 − α^(1/n) of all rows may (Clopper–Pearson) without one among these n.
 */
function rareLosses({ name, bounds, range }: Metric, n: number, alpha: number): readonly string[] {
  const share = 1 - alpha ** (1 / n)
  if (bounds || range || share <= RARE) return []
  return [
    `What breaks on fewer than ${(100 * share).toFixed(1)} % of the rows need not show on ${grouped(n)}, and "${name}" has no limit to what a row may cost: ${grouped(rowsToShow(RARE, alpha))} rows would show what breaks on 1 %.`,
  ]
}

function gradeOf(verdict: Verdict, seen: Pick<ComparisonReport, 'outputs' | 'agreement'>): Grade {
  if (verdict === 'pass') return 'proven'
  return verdict === 'inconclusive' && staysClose(seen) ? 'close' : null
}

function isRightOrWrong(scored: ScoredRows, metric: Metric): boolean {
  const zeroOrOne = (values: readonly number[]) =>
    values.every((value) => value === 0 || value === 1 || Number.isNaN(value))
  return metric.rightOrWrong ?? (!metric.aggregate && zeroOrOne(scored.base) && zeroOrOne(scored.candidate))
}

/** The scores of a choice of rows, with the groups and clusters that they belong to. */
function scoresOver(
  scored: ScoredRows,
  metric: Metric,
  rightOrWrong: boolean,
): (rows: readonly number[]) => PairedScores {
  const [base, candidate] = [
    { scores: scored.base, summaries: scored.baseSummaries },
    { scores: scored.candidate, summaries: scored.candidateSummaries },
  ].map((model) => ({ ...model, company: metric.company?.(model.summaries) ?? null }))
  return (rows) => ({
    ...pairedScores(base!, candidate!, rows, metric, rightOrWrong),
    ...(scored.clusters ? { clusters: rows.map((row) => scored.clusters![row]!) } : {}),
  })
}

function unscoredRows(scored: ScoredRows, usable: ReadonlySet<number>) {
  return scored.rows
    .map((row, i) => ({ row, i }))
    .filter(({ i }) => !usable.has(i))
    .slice(0, 50)
    .map(({ row, i }) => ({
      row: String(row),
      reason: `no score (NaN or infinite) from ${[
        ...(Number.isFinite(scored.base[i]!) ? [] : ['the baseline']),
        ...(Number.isFinite(scored.candidate[i]!) ? [] : ['the candidate']),
      ].join(' and ')}`,
    }))
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null
