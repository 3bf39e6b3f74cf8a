import { type ComparisonReport, grouped } from '../report/index.ts'
import { short } from './amounts.ts'
import { classDoubts } from './class-doubts.ts'
import { labelDoubts } from './label-doubts.ts'
import { marginDoubts } from './margin-doubts.ts'
import { metrics } from './metric/metrics.ts'
import { CLOSE_DB } from './noise/close.ts'
import { heard, hiddenPlaces, isCutOff, keptWords, lowestSqnrDb, typicalSqnrDb } from './noise/lowest-sqnr.ts'
import { orderDoubts } from './order-doubts.ts'
import type { ScoredRows } from './score-rows.ts'
import type { Numbers } from './unlike-ranges.ts'

/** What speaks against taking the verdict as it stands. */
export function comparisonDoubts(
  report: ComparisonReport,
  scored: ScoredRows,
  given: {
    readonly margin: number
    readonly classNames: readonly string[] | undefined
    readonly labelField: string | null
    readonly cluster: string | undefined
  },
): readonly string[] {
  return [
    ...labelDoubts(report, given.classNames),
    ...classDoubts(report),
    ...marginDoubts(report, given.margin),
    ...undeclaredLosses(report),
    ...repeatedIds(scored, given.cluster),
    ...allAlike(scored),
    ...copies(scored),
    ...noNumbers(scored),
    ...noAnswers(report, scored),
    ...(scored.metric === null && given.labelField !== null ? [NO_TOKEN_SCORES] : []),
    ...farOffOnLargeRows(report),
    ...farOffBesidesLargePlaces(report),
    ...orderDoubts(report),
    ...otherOutputs(report, scored),
    ...severalFit(report, scored),
    ...oneOfTwoClasses(report, scored),
    ...unlikeRanges(scored),
  ]
}

const NO_TOKEN_SCORES =
  'The model gives no scores of the tokens that follow (an output [row, token, vocabulary]), so the text holds no truth about its answers: they were compared with those of the base model.'

/** An undeclared group decides nothing; that it lost more than the margin must not be overlooked. */
function undeclaredLosses({ verdict, slices, classes = [] }: ComparisonReport): readonly string[] {
  if (verdict === 'regressed') return []
  const lost = [
    ...classes.filter((slice) => slice.verdict === 'regressed').map(({ name }) => `class ${name}`),
    ...slices.filter((slice) => slice.verdict === 'regressed' && !slice.declared).map(({ name }) => name),
  ]
  if (lost.length === 0) return []
  return [
    `Worse than the margin for ${lost.slice(0, 5).join(', ')}${lost.length > 5 ? ` and ${lost.length - 5} more` : ''}, which does not decide the verdict: declare the field with --slice to let it.`,
  ]
}

/** Rows of one id are not independent: counted as if they were, they prove more than they can. */
function repeatedIds({ repeatedIds: found }: ScoredRows, cluster: string | undefined): readonly string[] {
  if (found === null || cluster === found.field) return []
  // A column without a name, as pandas and R write row numbers, cannot be named on the command line either.
  const [what, named] = found.field === '' ? ['row number', 'the column and then'] : [found.field, 'it with']
  return [
    `${grouped(found.rows)} rows share their ${what} with another ("${found.example}" for one). If they are of one person, document or recording, name ${named} --cluster ${found.field || 'NAME'}: repeated rows prove less than fresh ones.`,
  ]
}

/** Of columns with few values, fresh rows repeat others too: a few say nothing. */
const MANY_COPIES = 0.01

/** Copies make n look larger than it is. Whether they are any only the user knows. */
function copies({ repeated, rows, oneRow }: ScoredRows): readonly string[] {
  if (oneRow || repeated < MANY_COPIES * rows.length || repeated === 0) return []
  return [
    `${grouped(repeated)} of ${grouped(rows.length)} rows hold exactly what an earlier row holds; ${grouped(rows.length - repeated)} are different. Where they are copies, they prove less than fresh rows, and the bounds are narrower than they should be: leave them out.`,
  ]
}

/** Rows of the largest numbers may be answered alike by numbers that are quite others. */
function farOffOnLargeRows(report: ComparisonReport): readonly string[] {
  const { verdict } = report
  const outputs = heard(report)
  const [ofAll, ofMost] = [lowestSqnrDb({ outputs }), typicalSqnrDb({ outputs })]
  if (verdict === 'regressed' || !isCutOff({ outputs }) || ofAll! >= CLOSE_DB) return []
  return [
    `On rows of unusually large numbers the outputs are far from those of the base model: ${ofAll!.toFixed(0)} dB over all rows, ${ofMost!.toFixed(0)} without these. Answers were judged on these rows as on all others; where the numbers themselves are used, look at them.`,
  ]
}

/** What all places of an output keep together is what the largest of them keep. */
function farOffBesidesLargePlaces(report: ComparisonReport): readonly string[] {
  const hidden = report.verdict === 'regressed' ? undefined : hiddenPlaces(report)
  if (!hidden) return []
  return [
    `Output ${hidden.name} keeps ${hidden.sqnrDb!.toFixed(0)} dB over all of its places, but half of them keep no more than ${hidden.placesDb.toFixed(0)}: a few of unusually large numbers, as of a first token, decide the whole. Where places are used one by one, as tokens are, judge what is made of them by labels.`,
  ]
}

/** Metrics of models whose other outputs are what they remember for the next call. */
const OF_LANGUAGE = ['perplexity', 'next-token']

/**
 * A metric by name reads the output that fits the labels: what became of the numbers in the others it does not see. One of
 * boxes, or a user's own, may read them all.
 */
function otherOutputs({ verdict, outputs }: ComparisonReport, { metric, differences }: ScoredRows): readonly string[] {
  if (metric === null || !Object.hasOwn(metrics, metric.name) || OF_LANGUAGE.includes(metric.name)) return []
  if (verdict === 'regressed' || outputs.length < 2) return []
  const dense = new Set(differences.dense())
  const far = outputs.filter(
    ({ name, sqnrDb, typicalDb }) => dense.has(name) && sqnrDb !== null && (typicalDb ?? sqnrDb) < CLOSE_DB,
  )
  if (far.length === 0) return []
  return [
    `Of ${outputs.length} outputs, ${far
      .slice(0, 3)
      .map((output) => `${output.name} keeps ${keptWords(output, 0)}`)
      .join(
        ', ',
      )}${far.length > 3 ? ` and ${far.length - 3} others as little` : ''}. ${metric.name} reads the output that fits the labels and does not see the others: where they are used, judge them by labels of their own.`,
  ]
}

/** Numbers do not tell which of several outputs they are of, and one that they are not of is as good before as after. */
function severalFit({ metric }: ComparisonReport, { fitting: [first, ...others] }: ScoredRows): readonly string[] {
  if (first === undefined || others.length === 0) return []
  return [
    `The labels fit ${others.length + 1} outputs: ${[first, ...others].slice(0, 5).join(', ')}. ${metric} reads ${first}, the first of them. If they are of another, no verdict is right: write a metric that reads it, --metric ./metric.mjs (in the library \`metricOptions: { output }\`).`,
  ]
}

/** One label that is no class of a model with one score makes numbers of all labels, quietly. */
function oneOfTwoClasses({ metric }: ComparisonReport, { classesAsNumbers: found }: ScoredRows): readonly string[] {
  if (found === null) return []
  return [
    `Output ${found.output} lies within 0 to 1, and the labels are whole numbers from ${found.least} to ${found.greatest}: they were held against each other as numbers (${metric}). If it is the score of a class, write labels as 0 and 1, and correct those that are neither; --metric top1 names one.`,
  ]
}

/** Logits and probabilities in one place: whatever holds numbers against each other finds them far apart. */
function unlikeRanges({ unlike }: ScoredRows): readonly string[] {
  const shown = ({ least, greatest }: Numbers) => `${short(least)} to ${short(greatest)}`
  return unlike.map(
    ({ name, base, candidate }) =>
      `The numbers of output ${name} are from ${shown(base)} by the base model and from ${shown(candidate)} by the candidate: does one end with a Softmax or Sigmoid that the other lacks? They were compared as they stand.`,
  )
}

/** Whatever the verdict says of the answers on the whole: an answer that is no number is another thing than a wrong one. */
function noNumbers({ broken, rows }: ScoredRows): readonly string[] {
  const count = broken.filter(Boolean).length
  return count === 0
    ? []
    : [
        `On ${grouped(count)} of ${grouped(rows.length)} rows the candidate gives NaN or infinity where the base model gives numbers: look at these rows before it is used.`,
      ]
}

/** With labels such rows have no score, and are left out and listed. */
function noAnswers({ labelled, n }: ComparisonReport, { silent }: ScoredRows): readonly string[] {
  const count = silent.filter(Boolean).length
  return labelled || count === 0
    ? []
    : [
        `On ${grouped(count)} of ${grouped(n)} rows the base model gives no answer (NaN among its scores). Where the candidate gives none either they count as unchanged, and prove nothing about answers: look at these rows, and at the base model, first.`,
      ]
}

function allAlike({ allAlike: alike, rows }: ScoredRows): readonly string[] {
  return alike
    ? [
        `The base model gives exactly the same numbers on all ${grouped(rows.length)} rows: they are one row many times over, or the model does not look at them. They prove no more than one row does.`,
      ]
    : []
}
