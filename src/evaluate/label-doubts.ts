import { type ComparisonReport, grouped } from '../report/index.ts'
import { short } from './amounts.ts'

/** From so many rows without a right answer on, model and labels hardly belong together; half right misses ten rarely. */
const ROWS_OF_A_STRANGER = 10
/** Of fewer rows it cannot be told whether a model guesses. */
const ROWS_OF_A_GUESSER = 30
/** Standard errors that lie above a guess by chance in one case of twenty. */
const BY_CHANCE = 1.645

type Judged = Pick<
  ComparisonReport,
  'labelled' | 'flipRates' | 'base' | 'n' | 'higherIsBetter' | 'classes' | 'metric' | 'labelSpread'
>

/** What these metrics are, at worst, where every answer is the mean of the labels, which deviate from it by so much. */
const OF_THE_MEAN: Readonly<Record<string, (deviation: number) => number>> = {
  mae: (deviation) => deviation,
  rmse: (deviation) => deviation,
  r2: () => 0,
}

/** Whether the metric holds numbers against numbers, so that the spread of the labels says what a guess would be worth. */
export const ofNumbers = (metric: { readonly name: string } | null): boolean =>
  metric !== null && Object.hasOwn(OF_THE_MEAN, metric.name)

/**
 * Why the labels may not be those of the model, which no verdict shows: both models are judged by the same wrong ones.
 * Classes that are numbered otherwise, a base model that is right never, or no more often (no nearer) than one answer to
 * all, and rows that are all of one class, which says something only of rows that are not a first few of `all`.
 */
export function labelDoubts(
  report: Judged,
  classNames: readonly string[] | undefined,
  all = report.n,
): readonly string[] {
  const strange = noneRight(report)
  const guessed = strange.length > 0 ? strange : [...noBetterThanOneAnswer(report), ...noNearerThanTheMean(report)]
  return [...namedInPart(report, classNames), ...guessed, ...(report.n < all ? [] : oneClassAlone(report))]
}

/** Rows of one class say nothing of the others, and a candidate that always answers with it is right on all. */
function oneClassAlone({ labelled, flipRates, n, classes }: Judged): readonly string[] {
  const shown = (classes ?? []).filter((one) => one.n > 0)
  if (!labelled || !flipRates || shown.length !== 1 || n < 2) return []
  return [
    `All ${grouped(n)} rows have the label “${shown[0]!.name}”: nothing is known of the other classes, and a candidate that always answered “${shown[0]!.name}” would pass. Add rows of the others.`,
  ]
}

/** Folders are numbered as they are found: where one is missing, all after it have another number than in the model. */
function namedInPart({ classes }: Judged, classNames: readonly string[] | undefined): readonly string[] {
  const named = classNames?.length ?? 0
  const unnamed = (classes ?? []).slice(named)
  if (named === 0 || unnamed.length === 0 || unnamed.some(({ name }, i) => name !== String(named + i))) return []
  return [
    `The model scores ${grouped(named + unnamed.length)} classes, and the data name ${grouped(named)}. Unless these are its first ones, in its order, labels are wrong: list all of its classes as "classNames" in a dataset.json.`,
  ]
}

/** A baseline without a right answer probably does not belong to these labels; no candidate is worse than that. */
function noneRight({ labelled, flipRates, base, n, higherIsBetter }: Judged): readonly string[] {
  if (!labelled || !flipRates || n < ROWS_OF_A_STRANGER || base.value !== (higherIsBetter ? 0 : 1)) return []
  return [
    `The baseline answers none of ${grouped(n)} rows right, so a worse model cannot be told from it. ` +
      'The labels probably count other classes than the model does, or its inputs are prepared otherwise: ' +
      '"classNames" and "preprocessing" in a dataset.json say how.',
  ]
}

/** Where one answer to all rows would be as often right, what a model loses hardly shows. */
function noBetterThanOneAnswer({ metric, base, n, classes }: Judged): readonly string[] {
  const shown = (classes ?? []).filter((one) => one.n > 0)
  if (metric !== 'top1' || base.value === null || n < ROWS_OF_A_GUESSER || shown.length < 2) return []
  const most = shown.reduce((best, one) => (one.n > best.n ? one : best))
  const share = most.n / n
  if (base.value > share + BY_CHANCE * Math.sqrt((share * (1 - share)) / n)) return []
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`
  return [
    `The baseline is right on ${percent(base.value)} of the rows; always answering “${most.name}” would be on ${percent(share)}. Where it is no better than that, a loss hardly shows: do the labels belong to these rows, count the classes as the model does, and are the inputs prepared as it was trained? Where one class is most of the rows, --metric balanced-accuracy sees more.`,
  ]
}

/** The same of numbers: labels in other units, of other rows, or probabilities held against logits. */
function noNearerThanTheMean({ metric, base, n, higherIsBetter, labelSpread }: Judged): readonly string[] {
  if (!labelSpread || !ofNumbers({ name: metric }) || base.value === null || n < ROWS_OF_A_GUESSER) return []
  const ofMean = OF_THE_MEAN[metric]!(labelSpread.deviation)
  if (higherIsBetter ? base.value > ofMean : base.value < ofMean) return []
  // Of several numbers a row `r2` holds each against its own mean.
  const [answer, bound] = higherIsBetter
    ? ['with the mean of the labels', short(ofMean)]
    : [`${short(labelSpread.mean)}, the mean of the labels,`, `at most ${short(ofMean)}`]
  return [
    `The baseline has ${short(base.value)} of ${metric}; always answering ${answer} would have ${bound}. Where it is no better than that, a loss hardly shows: are the labels those of these rows, in what the model answers in (its units; scores or probabilities), and are the inputs prepared as it was trained?`,
  ]
}
