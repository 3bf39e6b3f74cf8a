import type { ComparisonReport } from '../report/index.ts'
import { clusteredStandardError, requiredN } from '../statistics/index.ts'
import { errorRatio, flipRates } from './flip-rates.ts'
import type { PairedScores } from './judge/paired-scores.ts'
import type { Metric } from './metric/metric.ts'
import { className } from './metric/row-labels.ts'
import { divergenceOf, reliability } from './reliability.ts'
import type { ScoredRows } from './score-rows.ts'
import { classTable } from './slices/class-table.ts'
import { gapOf } from './slices/gaps.ts'
import { mineSlices } from './slices/mine-slices.ts'
import type { SliceRule } from './slices/slice-verdicts.ts'
import type { Slice } from './slices/slices.ts'
import { everySlice, worstSlice } from './slices/worst-slice.ts'
import { tailLoss } from './tail-loss.ts'

/** Everything that the details are made of. Rows are places in `scored`; scores there are finite. */
interface DetailInput {
  readonly scored: ScoredRows
  readonly metric: Metric
  readonly rightOrWrong: boolean
  readonly usable: readonly number[]
  readonly scoresOf: (rows: readonly number[]) => PairedScores
  readonly slices: readonly Slice[]
  readonly rule: SliceRule
  readonly options: { readonly margin: number; readonly alpha: number; readonly seed: number }
  readonly clusterField: string | null
  /** The slower part: mined slices, gaps, the worst slice. */
  readonly deep: boolean
}

type Details = Partial<ComparisonReport>

/** What a verdict alone does not show: direction of flips, errors, classes, confidence, tail, groups, hidden slices. */
export function detailsOf(input: DetailInput, report: Pick<ComparisonReport, 'slices'>): Details {
  const { scored, rightOrWrong, usable, options, rule } = input
  if (usable.length === 0) return {}
  const gains = gainsOf(input)
  const counts = rightOrWrong ? countRight(input) : null
  const every = everySlice(report.slices)
  const classes = rightOrWrong && scored.labels && scored.classes ? tableOf(input) : null
  const scores = classScoresOf(scored)
  const divergence = scores && divergenceOf(scores)
  const confidence = scores && reliability(scores)
  return {
    ...(counts ? { flipRates: flipRates(counts, options.alpha), errorRatio: errorRatio(counts, options.alpha) } : {}),
    ...(divergence ? { divergence } : {}),
    ...(confidence ? { confidence } : {}),
    ...(classes ? { classes } : {}),
    ...(every ? { everySlice: every } : {}),
    ...(input.deep ? deepDetails(input, gains, rule) : {}),
  }
}

/** None for a metric that scores rows by each other: what it reads are the numbers of an embedding, however they look. */
const classScoresOf = ({ metric, classes }: DetailInput['scored']) => (metric?.scoreAll ? null : classes)

function deepDetails(input: DetailInput, gains: readonly number[], rule: SliceRule): Details {
  const { scored, usable, scoresOf, slices, options, clusterField } = input
  const { alpha, seed, margin } = options
  const worst = worstSlice(slices, gains, scoresOf, options, scored.clusters)
  const tail = tailOf(input)
  const clusters = scored.clusters ? usable.map((row) => scored.clusters![row]!) : null
  const gaps = [...scored.slices].flatMap(([field, values]) => {
    if (!rule.declared.has(field)) return []
    const gap = gapOf({
      field,
      values: usable.map((row) => values[row]!),
      base: usable.map((row) => scored.base[row]!),
      candidate: usable.map((row) => scored.candidate[row]!),
      ...(clusters ? { clusters } : {}),
      alpha,
      seed,
    })
    return gap ? [gap] : []
  })
  const fields = new Map([...scored.slices].map(([field, values]) => [field, usable.map((row) => values[row]!)]))
  if (scored.labels && scored.classes)
    fields.set(
      'class',
      usable.map((row) => scored.labels![row]!),
    )
  const mined =
    fields.size === 0
      ? null
      : mineSlices({
          fields,
          gains: usable.map((row) => gains[row]!),
          clusters,
          scoresOf: (places) => scoresOf(places.map((place) => usable[place]!)),
          margin,
          alpha,
          seed,
        })
  return {
    ...(worst ? { worstSlice: worst } : {}),
    ...(tail ? { tail } : {}),
    ...(gaps.length > 0 ? { gaps } : {}),
    ...(mined ? { mined } : {}),
    ...(clusters && clusterField !== null ? { cluster: clusteringOf(clusterField, clusters, usable, gains) } : {}),
  }
}

/** Candidate minus baseline, higher being better; 0 for rows that cannot be used, which nothing reads. */
function gainsOf({ scored, metric, usable }: DetailInput): readonly number[] {
  const gains = new Array<number>(scored.rows.length).fill(0)
  const sign = metric.higherIsBetter ? 1 : -1
  for (const row of usable) gains[row] = sign * (scored.candidate[row]! - scored.base[row]!)
  return gains
}

function countRight({ scored, metric, usable }: DetailInput) {
  let [baseRight, baseOnly, candidateOnly] = [0, 0, 0]
  const right = metric.higherIsBetter ? 1 : 0
  for (const row of usable) {
    const [before, after] = [scored.base[row] === right, scored.candidate[row] === right]
    if (before) baseRight++
    if (before && !after) baseOnly++
    if (after && !before) candidateOnly++
  }
  return { n: usable.length, baseRight, baseOnly, candidateOnly }
}

/** Classes are judged by the plain share of their rows that is right, whatever the metric makes of all of them. */
function tableOf({ scored, usable, scoresOf, rule, options }: DetailInput) {
  const { classes } = scored
  const numbered = Array.from({ length: classes!.classes }, (_, place) => className(place, classes!.names ?? undefined))
  // Labels may be names that a model answers with, and nobody said which score belongs to which.
  const known = usable.every((row) => numbered.includes(scored.labels![row]!)) ? numbered : []
  const plain = (places: readonly number[]): PairedScores => {
    const { aggregate: _, strata: __, ...scores } = scoresOf(places.map((place) => usable[place]!))
    return scores
  }
  return classTable(
    usable.map((row) => scored.labels![row]!),
    known,
    plain,
    {
      ...rule,
      requiredN: requiredN({ discordance: 0, margin: options.margin, alpha: options.alpha }),
    },
  )
}

function tailOf({ scored, metric, usable, options }: DetailInput) {
  const classes = classScoresOf(scored)
  const likelihood = classes?.labels && usable.some((row) => Number.isFinite(classes.base.loss[row]!))
  const sign = metric.higherIsBetter ? -1 : 1
  const losses = (of: 'base' | 'candidate') =>
    usable.map((row) => (likelihood ? classes[of].loss[row]! : sign * scored[of][row]!))
  const name = likelihood
    ? 'negative log-likelihood'
    : metric.higherIsBetter
      ? `negated ${metric.name} of a row`
      : `${metric.name} of a row`
  return tailLoss(name, losses('base'), losses('candidate'), options.alpha)
}

function clusteringOf(
  field: string,
  clusters: readonly (string | number)[],
  usable: readonly number[],
  gains: readonly number[],
): NonNullable<ComparisonReport['cluster']> {
  const values = usable.map((row) => gains[row]!)
  const clustered = clusteredStandardError(values, clusters)
  const alone = clusteredStandardError(
    values,
    values.map((_, i) => i),
  )
  return {
    field,
    clusters: clustered.clusters,
    standardError: clustered.standardError,
    designEffect: alone.standardError > 0 ? (clustered.standardError / alone.standardError) ** 2 : null,
  }
}
