import { type Dataset, type Rows, repeatedRows } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { UserError } from '../platform/index.ts'
import type { LabelSpread } from '../report/index.ts'
import { type ClassesAsNumbers, classesAsNumbers } from './classes-as-numbers.ts'
import { type Differences, differences } from './differences.ts'
import { type Flip, flipsOf, flipsTogether, idFieldOf, type ScoredPairs } from './flips.ts'
import { ofNumbers } from './label-doubts.ts'
import { labelSpread } from './label-spread.ts'
import { type ClassScores, classScores } from './metric/class-scores.ts'
import { NO_ANSWER } from './metric/classification.ts'
import { tokenScoresName } from './metric/language.ts'
import type { Metric } from './metric/metric.ts'
import type { MetricOptions } from './metric/metrics.ts'
import { outputsOfSize } from './metric/regression.ts'
import { labelText } from './metric/row-labels.ts'
import { sequencesIn } from './outputs/class-like.ts'
import { type RepeatedIds, repeatedIds } from './repeated-ids.ts'
import { type RowPair, rowPairs, rowsPerPair } from './row-pairs.ts'
import { type MetricChoice, metricChoice, type RowScore, rowScore } from './row-scores.ts'
import { requireOwnAnswers } from './rows-in-company.ts'
import { sameThroughout } from './same-throughout.ts'
import { sliceValues } from './slices/slices.ts'
import { type UnlikeRanges, unlikeRanges } from './unlike-ranges.ts'

interface ScoreOptions {
  readonly metric?: string | Metric | undefined
  readonly metricOptions: MetricOptions
  readonly labelField: string | null
  readonly sliceFields: readonly string[]
  readonly clusterField?: string | undefined
  readonly batch: number
  readonly indices?: readonly number[] | undefined
  readonly onProgress?: ((done: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What is kept of the rows: a few numbers each. Lists are parallel, with one entry for each judged row. */
export interface ScoredRows extends ScoredPairs {
  /** How rows are called: their places in the whole set, of which only a part may have been read. */
  readonly rows: readonly number[]
  readonly changed: readonly boolean[]
  readonly different: readonly boolean[]
  readonly broken: readonly boolean[]
  readonly silent: readonly boolean[]
  readonly slices: ReadonlyMap<string, readonly (string | number)[]>
  readonly clusters: readonly (string | number)[] | null
  readonly differences: Differences
  readonly flips: readonly Flip[]
  readonly batch: number
  /** Label of every row as text; null where rows have no single label. */
  readonly labels: readonly string[] | null
  /** Null where the metric does not compare numbers with numbers. */
  readonly spread: LabelSpread | null
  /** Null where the outputs hold no class probabilities. */
  readonly classes: ClassScores | null
  readonly repeatedIds: RepeatedIds | null
  /** Whether the base gives exactly the same numbers for every one of several rows. */
  readonly allAlike: boolean
  /** Outputs that fit the labels equally well, where the metric just reads the first of them; empty otherwise. */
  readonly fitting: readonly string[]
  /** Null where labels that are compared with numbers look like numbers too. */
  readonly classesAsNumbers: ClassesAsNumbers | null
  /** Outputs in which only one of the models gives probabilities. */
  readonly unlike: ReturnType<UnlikeRanges['result']>
  /** Whether all rows have exactly the same inputs, whatever their labels. */
  readonly oneRow: boolean
  /** Number of rows with exactly the inputs and the label of an earlier one. */
  readonly repeated: number
}

/**
 * Runs both sessions over the rows, a batch at a time, and keeps scores, changed answers and slice values. Outputs are
 * freed at once, so memory grows by a few numbers a row.
 *
 * @throws UserError for rows that do not fit a model, labels that are missing or out of range, models whose outputs
 * differ, and a metric that throws or returns no number.
 */
export async function scoreRows(
  base: Session,
  candidate: Session,
  data: Dataset,
  options: ScoreOptions,
): Promise<ScoredRows> {
  await requireOwnAnswers(base, data)
  const batch = rowsPerPair(base, candidate, data, options.batch)
  const columns = fieldValues(data, options)
  const metric = await metricChoice(options.metric, options.metricOptions, { ...options, session: base, data })
  const inputs = data.fields.filter(({ role }) => role === 'input').map(({ name }) => name)
  const kept = rowKeeper(base, data, options, metric, inputs)
  const repeats = repeatedRows(identityOf(inputs, options.labelField))
  for await (const { rows, pairs } of rowPairs(base, candidate, data, { ...options, batch })) {
    columns.add(rows)
    repeats.add(rows)
    for (const pair of pairs) kept.add(pair)
    options.onProgress?.(kept.count())
  }
  const scored = kept.result()
  const together = scored.metric?.answerAll ? await flipsTogether(data, options.labelField, scored) : null
  return { ...scored, ...(together ? { flips: together } : {}), ...columns.result(), repeated: repeats.result(), batch }
}

/** Values of the slice fields and the cluster field. */
function fieldValues(data: Dataset, { sliceFields, clusterField }: ScoreOptions) {
  const slices = new Map(sliceFields.map((field) => [field, [] as (string | number)[]]))
  const clusters: (string | number)[] = []
  const valuesOf = (rows: Rows, field: string) => {
    const column = rows.columns[field]
    if (column) return sliceValues(column, rows.indices.length)
    throw new UserError('bad-data', `row ${rows.indices[0]} has no field "${field}"`, { where: data.path })
  }
  return {
    add(rows: Rows) {
      for (const [field, values] of slices) values.push(...valuesOf(rows, field))
      if (clusterField) clusters.push(...valuesOf(rows, clusterField))
    },
    result: () => ({ slices, clusters: clusterField ? clusters : null }),
  }
}

/** The fields in which two rows must agree to be the same row. */
function identityOf(inputs: readonly string[], labelField: string | null): readonly string[] {
  // Equal labels alone do not make rows the same.
  return inputs.length === 0 || labelField === null ? inputs : [...inputs, labelField]
}

/** Shows each row to everything that collects figures of rows; none of it keeps the outputs. */
function rowKeeper(
  base: Session,
  data: Dataset,
  { labelField, metricOptions }: ScoreOptions,
  metric: MetricChoice,
  inputs: readonly string[],
) {
  const idField = idFieldOf(data)
  const nextTokens = data.fields.find(({ name }) => name === labelField)?.nextTokens
  const sequences = new Set<string>()
  const seen = differences(sequences)
  const classes = classScores(metric.known)
  const flips = flipsOf(data, idField)
  const ids = repeatedIds(idField)
  const alike = sameThroughout(base.outputs.map(({ name }) => name))
  const repeating = sameThroughout(inputs)
  const ranges = unlikeRanges()
  const spread = labelSpread()
  const asNumbers = classesAsNumbers()
  let fitting: readonly string[] = []
  const [rows, indices, labels]: [number[], number[], string[]] = [[], [], []]
  const [changed, different, broken, silent]: [boolean[], boolean[], boolean[], boolean[]] = [[], [], [], []]
  const scores = pairScores()
  return {
    count: () => rows.length,
    add(pair: RowPair) {
      const { outputs, row, label, fields } = pair.base
      if (rows.length === 0) for (const name of sequencesIn(base, data, outputs)) sequences.add(name)
      const ofTokens = nextTokens === undefined ? null : tokenScoresName(outputs, label, nextTokens)
      const difference = seen.add(outputs, pair.candidate.outputs, ofTokens ?? undefined)
      changed.push(difference.changed)
      different.push(!difference.identical)
      broken.push(difference.broken)
      silent.push(difference.silent)
      const scoredBy = metric.of(pair.base)
      ranges.add(outputs, pair.candidate.outputs)
      if (rows.length === 0 && metricOptions.output === undefined) fitting = fittingOutputs(pair, scoredBy)
      classes.add(outputs, pair.candidate.outputs, metric.countsPlaces ? label : undefined)
      alike.add((name) => outputs[name]?.data)
      repeating.add((name) => fields![name])
      ids.add(fields!)
      if (ofNumbers(scoredBy)) {
        spread.add(label)
        asNumbers.add(label, Number(outputs[fitting[0] ?? '']?.data[0]))
      }
      const shown = labelText(label, data)
      if (shown !== null) labels.push(shown)
      if (scoredBy !== null) flips.scored(pair, rows.length, scoredBy, scores.add(pair, scoredBy))
      else if (difference.changed) flips.unscored(pair, rows.length)
      rows.push(row)
      indices.push(pair.index)
    },
    result: () => ({
      metric: metric.made,
      rows,
      indices,
      changed,
      different,
      broken,
      silent,
      ...scores.result(metric.made),
      differences: seen,
      flips: flips.result(),
      labels: labels.length === rows.length ? labels : null,
      spread: spread.result(),
      classes: classes.result(),
      repeatedIds: ids.result(),
      allAlike: alike.result(),
      oneRow: repeating.result(),
      fitting,
      classesAsNumbers: asNumbers.result(fitting[0]),
      unlike: ranges.result(),
    }),
  }
}

/** Metrics that read the first output with as many numbers as the label has. */
const READ_THE_FIRST = ['mae', 'rmse', 'r2', 'spearman']

function fittingOutputs({ base: { outputs, label } }: RowPair, metric: Metric | null): readonly string[] {
  if (metric === null || label === undefined || !READ_THE_FIRST.includes(metric.name)) return []
  return outputsOfSize(outputs, typeof label === 'object' ? label.length : 1).map(([name]) => name)
}

/**
 * Scores and summaries of both models; a metric that scores rows by each other does so at the end. A row for which the
 * base gives no class at all (NaN, because an input is NaN) has no score: there is nothing to lose, and an answer that
 * the other model gives by luck is no gain.
 */
function pairScores() {
  const [base, candidate]: [RowScore[], RowScore[]] = [[], []]
  return {
    add(pair: RowPair, metric: Metric) {
      const scores = { base: rowScore(metric, pair.base), candidate: rowScore(metric, pair.candidate) }
      if (metric.rightOrWrong && metric.answer?.(pair.base) === NO_ANSWER)
        scores.base = { ...scores.base, score: Number.NaN }
      base.push(scores.base)
      candidate.push(scores.candidate)
      return { base: scores.base.score, candidate: scores.candidate.score }
    },
    result(metric: Metric | null) {
      const [baseSummaries, candidateSummaries] = [base, candidate].map((rows) => rows.map(({ summary }) => summary))
      const scoresOf = (rows: readonly RowScore[], summaries: ScoredRows['baseSummaries']) =>
        metric?.scoreAll ? metric.scoreAll(summaries, baseSummaries!) : rows.map(({ score }) => score)
      const summariesOf = (summaries: ScoredRows['baseSummaries']) =>
        metric?.summarizeAll?.(summaries, baseSummaries!) ?? summaries
      const answers = metric?.answerAll?.(baseSummaries!, baseSummaries!)
      return {
        base: scoresOf(base, baseSummaries!).map((score, i) => (answers?.[i] === NO_ANSWER ? Number.NaN : score)),
        candidate: scoresOf(candidate, candidateSummaries!),
        baseSummaries: summariesOf(baseSummaries!),
        candidateSummaries: summariesOf(candidateSummaries!),
      }
    },
  }
}
