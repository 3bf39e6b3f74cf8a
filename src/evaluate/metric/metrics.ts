import { didYouMean, nearestName, UserError } from '../../platform/index.ts'
import { outputTexts } from '../outputs/row-outputs.ts'
import { balancedAccuracy, type ClassOptions, classOutputName, macroF1, topK } from './classification.ts'
import { detectionNamed } from './detection.ts'
import { rankCorrelation, recallAt } from './embedding.ts'
import { nextToken, perplexity } from './language.ts'
import type { Metric, MetricRow, RowLabel } from './metric.ts'
import type { BinaryLabels } from './one-hot.ts'
import { isOneScore, topOfTwo } from './one-score.ts'
import { brier, calibrationError, negativeLogLikelihood, riskCoverage } from './probability.ts'
import { areaUnderPrecisionRecall, areaUnderRoc, equalError } from './ranking.ts'
import { meanAbsoluteError, rootMeanSquaredError, rSquared } from './regression.ts'
import { requireLabel, shownLabel } from './row-labels.ts'
import { meanDice, meanIoU } from './segmentation.ts'
import { characterErrorRate, exactMatch, type TextOptions, wordErrorRate } from './text.ts'

/** What the metrics by name may be told. */
export interface MetricOptions extends ClassOptions, TextOptions {}

/** The metrics that `--metric NAME` knows. */
export const metrics: Readonly<Record<string, (options?: MetricOptions) => Metric>> = {
  top1: (options) => topK(1, options),
  top5: (options) => topK(5, options),
  'balanced-accuracy': balancedAccuracy,
  'macro-f1': macroF1,
  auroc: areaUnderRoc,
  aupr: areaUnderPrecisionRecall,
  eer: equalError,
  brier,
  nll: negativeLogLikelihood,
  ece: calibrationError,
  aurc: riskCoverage,
  mae: meanAbsoluteError,
  rmse: rootMeanSquaredError,
  r2: rSquared,
  miou: meanIoU,
  dice: meanDice,
  'exact-match': exactMatch,
  cer: characterErrorRate,
  wer: wordErrorRate,
  'recall@1': (options) => recallAt(1, options),
  'recall@5': (options) => recallAt(5, options),
  spearman: rankCorrelation,
  perplexity,
  'next-token': nextToken,
}

/** What metrics are called elsewhere. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  accuracy: 'top1',
  acc: 'top1',
  'top-1': 'top1',
  'top-5': 'top5',
  f1: 'macro-f1',
  'f1-score': 'macro-f1',
  auc: 'auroc',
  'roc-auc': 'auroc',
  'average-precision': 'aupr',
  'log-loss': 'nll',
  'cross-entropy': 'nll',
  mse: 'rmse',
  'r2-score': 'r2',
  iou: 'miou',
  map: 'detection:yolox',
}

/**
 * The metric of a name.
 *
 * @throws UserError `bad-argument` for an unknown one, with the nearest known.
 */
export function metricNamed(name: string, options: MetricOptions = {}): Metric {
  if (Object.hasOwn(metrics, name)) return metrics[name]!(options)
  const counted = /^(top|recall@)([1-9]\d*)$/.exec(name)
  if (counted) return (counted[1] === 'top' ? topK : recallAt)(Number(counted[2]), options)
  if (name.startsWith('detection:')) return detectionNamed(name.slice('detection:'.length))
  const known = Object.keys(metrics)
  const spelled = name.toLowerCase().replaceAll(/[_ ]/g, '-')
  // `accuraccy` is nearer to what others call it than to any name here.
  const elsewhere = nearestName(spelled, [...known, ...Object.keys(OTHER_NAMES)])
  const meant = elsewhere !== undefined && Object.hasOwn(OTHER_NAMES, elsewhere) ? OTHER_NAMES[elsewhere] : undefined
  throw new UserError('bad-argument', `there is no metric "${name}"`, {
    where: '--metric',
    hint: `${meant ? `the name here is "${meant}"; ` : didYouMean(name, known)}known: ${known.join(', ')}, detection:yolox and other decoders, or the path of a metric.mjs`,
  })
}

/**
 * A value that may be a user's metric (the default export of a `metric.mjs`), checked.
 *
 * @throws UserError `bad-argument` that says what is missing.
 */
export function asMetric(value: unknown, where: string): Metric {
  const metric = value as Partial<Metric> | null | undefined
  const missing =
    typeof metric !== 'object' || metric === null
      ? 'an object as its default export'
      : typeof metric.name !== 'string'
        ? '`name`, a text'
        : typeof metric.higherIsBetter !== 'boolean'
          ? '`higherIsBetter`, true or false'
          : typeof metric.score !== 'function'
            ? '`score({ outputs, label, row })`, a function that returns a number'
            : null
  if (missing === null) return metric as Metric
  throw new UserError('bad-argument', `the metric lacks ${missing}`, {
    where,
    hint: 'export default { name: "…", higherIsBetter: true, score({ outputs, label, row }) { return 0 } }',
  })
}

/**
 * The metric for labels of this kind where none was named: `top1` for classes (by number or name), `mae` for numbers,
 * `perplexity` for the next tokens of a language model, `miou` for masks.
 *
 * @param row The number of the row that it is, for the message.
 * @param binary What labels say that are all 0 or 1: then one number a row is the score of class 1, and several are
 * scores of tags or pixels, or of classes.
 * @throws UserError `bad-argument` where the label fits none of the outputs.
 */
export function defaultMetric(
  label: RowLabel,
  outputs: MetricRow['outputs'],
  options: MetricOptions,
  row: number,
  binary: BinaryLabels = null,
): Metric {
  const hasClasses = classOutputName(outputs) !== null
  const sameSize = (count: number) => Object.values(outputs).some((value) => value.data.length === count)
  if (typeof label === 'string' && (hasClasses || options.output)) return topK(1, options)
  if (typeof label === 'number') {
    if (hasClasses && Number.isInteger(label)) return topK(1, options)
    if (sameSize(1)) return binary && isOneScore(outputs) ? topOfTwo(options) : meanAbsoluteError(options)
  }
  if (typeof label === 'object') {
    if (binary === 'one-hot' && sameSize(label.length) && hasClasses) return topK(1, options)
    const { logits } = outputs
    if (logits?.dims.length === 2 && logits.dims[0] === label.length && /Int(32|64)Array$/.test(label.constructor.name))
      return perplexity(options)
    if (/^(Float32|Float64)Array$/.test(label.constructor.name) && sameSize(label.length) && !binary)
      return meanAbsoluteError(options)
    if (Object.values(outputs).some((value) => value.data.length % label.length === 0)) return meanIoU(options)
  }
  requireLabel(label, row)
  throw new UserError('bad-argument', `the label ${shownLabel(label)} of row ${row} fits none of the model’s outputs`, {
    where: outputTexts(outputs).join(', '),
    hint: `${typeof label === 'string' ? 'write classes as numbers or list them as "classNames" in a dataset.json, ' : 'correct the labels, '}or name the metric: --metric NAME (recall@1 for embeddings, exact-match and cer for text), or write one: --metric ./metric.mjs`,
  })
}
