import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { isFloating } from '../ir/index.ts'
import { binaryLabels, ownClasses, rangeOfLabels } from './binary-labels.ts'
import { checkedMetric } from './metric/checked-metric.ts'
import { classOutputName, type ModelClasses } from './metric/classification.ts'
import { perplexity, tokenScoresName } from './metric/language.ts'
import type { Metric, MetricRow } from './metric/metric.ts'
import { defaultMetric, type MetricOptions, metricNamed } from './metric/metrics.ts'
import { balancedAccuracyOfTwo, isOneScore, macroF1OfTwo, topOfTwo } from './metric/one-score.ts'
import { isClassLike } from './outputs/class-like.ts'
import type { RowOutputs } from './outputs/row-outputs.ts'

/** The metric of a run: the one that was asked for, or what the first row with a label calls for. */
export interface MetricChoice {
  /** Null until a row with a label came, where no metric was asked for. */
  of(row: MetricRow): Metric | null
  readonly made: Metric | null
  /** Whether labels are places among the scores, as far as rows were seen: a model may number its classes otherwise. */
  readonly countsPlaces: boolean
  /** What labels call the classes, by the data or by the model itself. */
  readonly known: ModelClasses
}

/** Metrics that ask for a class and not for its scores, as they are of a model that scores one class alone. */
const OF_CLASSES: ReadonlyMap<unknown, (options: MetricOptions) => Metric> = new Map([
  ['top1', topOfTwo],
  ['balanced-accuracy', balancedAccuracyOfTwo],
  ['macro-f1', macroF1OfTwo],
])

/**
 * Chooses the metric, by name or as it is; where none was asked for, by the labels. Next tokens of a text call for
 * `perplexity`, and for none where the model does not score tokens: they are no truth about what else it gives. Where a
 * model hands out the number of the class that it settled on, labels are held against that: it may count otherwise than
 * from 0, and settle on another than the best-scored one.
 *
 * @throws UserError for an unknown name. `of` throws one for a label that fits none of the outputs, and where the metric
 * breaks its word.
 */
export async function metricChoice(
  asked: string | Metric | undefined,
  options: MetricOptions,
  {
    session,
    data,
    labelField,
  }: { readonly session: Session; readonly data: Dataset; readonly labelField: string | null },
): Promise<MetricChoice> {
  const binary = asked === undefined && labelField !== null ? await binaryLabels(session, data, labelField) : null
  const range = labelField === null ? null : await rangeOfLabels(session, data, labelField)
  const nextTokens = data.fields.find(({ name }) => name === labelField)?.nextTokens
  if (typeof asked === 'string') metricNamed(asked, options)
  let metric: Metric | null = null
  const own = ownClasses(session, data, { field: labelField, range })
  const known = { ...own, ...options }
  let countsPlaces = true
  const choose = (row: MetricRow): Metric | null => {
    const { label, outputs } = row
    const ofTwo = OF_CLASSES.get(asked)
    if (ofTwo && isOneScore(outputs)) return ofTwo(options)
    const answer = range && ownAnswer(session, row, options)
    if (answer)
      countsPlaces = known.classNumbers !== undefined || (range.least >= 0 && range.greatest < scoredClasses(outputs))
    const told = answer ? { ...options, output: answer } : options
    const named = own.classNames ? { output: textOutput(session), ...known } : told
    if (typeof asked === 'string') return metricNamed(asked, ofTwo ? named : known)
    if (asked !== undefined) return asked
    if (label === undefined) return null
    if (nextTokens === undefined) return defaultMetric(label, outputs, told, row.row, binary)
    const output = tokenScoresName(outputs, label, nextTokens)
    return output === null ? null : perplexity({ output, ...options })
  }
  return {
    of(row) {
      if (metric === null) {
        const chosen = choose(row)
        metric = chosen && checkedMetric(chosen)
      }
      return metric
    },
    get made() {
      return metric
    },
    known,
    get countsPlaces() {
      return countsPlaces
    },
  }
}

/** The output that holds the class which the model settled on, where labels are numbers and nothing else is asked of it. */
function ownAnswer(session: Session, { label, outputs }: MetricRow, { output, classNames }: MetricOptions) {
  if (output !== undefined || classNames || typeof label !== 'number') return null
  const settled = session.outputs.filter(
    ({ name, classes, dtype }) => classes !== undefined && dtype !== 'string' && isClassLike(name, outputs),
  )
  return settled.length === 1 ? settled[0]!.name : null
}

/** The output that answers with the name of a class, of a model that tells all of their names. */
const textOutput = ({ outputs }: Session): string =>
  outputs.find(({ classes, dtype }) => classes && dtype === 'string')!.name

/** How many classes the first output of scores has. */
function scoredClasses(outputs: RowOutputs): number {
  const name = classOutputName(outputs)
  const scores = name === null ? undefined : outputs[name]
  return scores && isFloating(scores.dtype) ? scores.data.length : Number.POSITIVE_INFINITY
}

/** A row's score, and what the aggregate needs to know of the row. */
export interface RowScore {
  readonly score: number
  readonly summary: readonly number[]
}

/** @throws UserError where the metric throws or gives something else than one number. */
export function rowScore(metric: Metric, row: MetricRow): RowScore {
  const score = metric.score(row)
  return { score, summary: metric.summary ? metric.summary(row) : [score] }
}
