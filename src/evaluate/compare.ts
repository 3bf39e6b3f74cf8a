import type { Dataset } from '../data/index.ts'
import { leftUnseen, type Session } from '../engine/index.ts'
import { didYouMean, UserError } from '../platform/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { requiredN } from '../statistics/index.ts'
import { CLOSE_DB } from './agreement.ts'
import { classDoubts } from './class-doubts.ts'
import { castNotes } from './feeds.ts'
import { labelDoubts } from './label-doubts.ts'
import { marginDoubts } from './margin-doubts.ts'
import type { Metric } from './metric/metric.ts'
import { type MetricOptions, metrics } from './metric/metrics.ts'
import { isCutOff, lowestSqnrDb, typicalSqnrDb } from './noise/lowest-sqnr.ts'
import { type ScoredRows, scoreRows } from './score-rows.ts'
import { whole } from './sentence.ts'
import type { SliceRule } from './slice-verdicts.ts'
import { fieldOfSlice } from './slices.ts'
import { storyOf } from './story.ts'
import { verdictOnAgreement } from './verdict-on-agreement.ts'
import { verdictOnLabels } from './verdict-on-labels.ts'

export interface CompareOptions {
  /** Largest accepted loss, in the units of the metric (0.01 is one point of a rate). */
  readonly margin?: number | undefined
  /** One-sided level of every bound. */
  readonly alpha?: number | undefined
  /**
   * Declared slices, all of a field (`font`) or one (`font=serif`): one that regressed makes the verdict `regressed`.
   * Other slices only inform.
   */
  readonly slices?: readonly string[] | undefined
  /** Margins of slices by name (`font=serif`) or field. */
  readonly sliceMargins?: Readonly<Record<string, number>> | undefined
  /** Field of the truth; the data set's label field where omitted. */
  readonly label?: string | undefined
  readonly metric?: string | Metric | undefined
  /** For metrics by name: the output to read, the characters of a text recogniser. */
  readonly metricOptions?: MetricOptions | undefined
  /** Field that names clusters: rows of one person, document, recording. */
  readonly cluster?: string | undefined
  /**
   * Rows in one run, 1 unless said otherwise: dynamically quantized models give a row another answer in another
   * batch, and a verdict must not depend on a row's neighbours.
   */
  readonly batch?: number | undefined
  /** Rows to judge; all where omitted. */
  readonly indices?: readonly number[] | undefined
  /** Whether hidden slices, gaps between groups and the tail are looked for as well; false unless said. */
  readonly deep?: boolean | undefined
  /** Of resampling; the same seed gives the same report. */
  readonly seed?: number | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Whether `candidate` is as good as `base` on the same rows, within `margin`, by the product's verdict table.
 *
 * With labels the metric decides (see `judge`). Without, only the rate of changed answers can (see `judgeAgreement`):
 * `pass` where its bound is within the margin, otherwise `inconclusive`, where the grade tells `close` from unknown.
 * Slices are judged by themselves (see `judgeSlices`); rows without a score (NaN) are listed as skipped, and a
 * candidate that alone gives none is `regressed`. Rows stream; outputs are never kept.
 *
 * @throws UserError for options out of range, no rows, unknown fields, rows or labels that do not fit the models.
 */
export async function compare(
  base: Session,
  candidate: Session,
  data: Dataset,
  options: CompareOptions = {},
): Promise<ComparisonReport> {
  const { margin = 0.01, alpha = 0.05, seed = 0 } = options
  const { sliceMargins = {}, cluster } = options
  requireRange('margin', margin, Number.MAX_VALUE)
  requireRange('alpha', alpha, 0.5)
  for (const [name, value] of Object.entries(sliceMargins)) requireRange(`margin of ${name}`, value, Number.MAX_VALUE)
  const declared = new Set(options.slices)
  const spoken = new Set([...declared].map((name) => sliceField(data, name)))
  const labelField = labelFieldOf(data, options)
  const undeclared = data.fields
    .filter(({ role, name }) => role === 'slice' && !spoken.has(name))
    .map(({ name }) => name)
  const total = options.indices?.length ?? data.rows
  const scored = await scoreRows(base, candidate, data, {
    metric: options.metric,
    metricOptions: { ...(data.classNames ? { classNames: data.classNames } : {}), ...options.metricOptions },
    labelField,
    sliceFields: [...spoken, ...undeclared],
    clusterField: cluster === undefined ? undefined : fieldNamed(data, cluster, 'cluster'),
    batch: options.batch ?? 1,
    indices: options.indices,
    onProgress: (done) => options.onProgress?.(done, total),
    signal: options.signal,
  })
  if (scored.rows.length === 0) throw noRows(data)
  const { classNames } = data
  const rule: SliceRule = {
    alpha,
    seed,
    declared,
    marginOf: ({ name, field }) => sliceMargins[name] ?? sliceMargins[field] ?? margin,
  }
  const report = scored.metric
    ? verdictOnLabels(
        scored,
        scored.metric,
        labelField !== null,
        { margin, alpha, seed, clusterField: cluster ?? null, deep: options.deep ?? false },
        rule,
      )
    : verdictOnAgreement(scored, { margin, alpha }, rule)
  const tokens = scored.differences.tokens()
  const skipped = [...(report.skipped ?? []), ...data.skipped]
  const settled = {
    ...withSlices(asOneRow(report, scored, margin, alpha)),
    warnings: [
      ...report.warnings,
      ...doubtsOf(report, scored, { margin, classNames, labelField, cluster }),
      ...leftUnseen(base.omitted),
      ...castNotes(base.inputs, data),
      ...data.notes,
    ],
    ...(tokens ? { nextTokens: tokens } : {}),
    ...(skipped.length > 0 ? { skipped } : {}),
    data: { path: data.path, digest: await data.digest(), rows: data.rows },
    margin,
  }
  return { ...settled, story: storyOf(settled, margin, scored.metric?.unit) }
}

function noRows({ path, skipped: [first] }: Dataset): UserError {
  const hint = first ? `every row was left out, the first because: ${first.reason}` : 'give data with at least one row'
  return new UserError('bad-data', 'there are no rows to compare on', { where: path, hint })
}

/** What speaks against taking the verdict as it stands. */
function doubtsOf(
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
    ...(scored.metric === null && given.labelField !== null ? [NO_TOKEN_SCORES] : []),
    ...farOffOnLargeRows(report),
    ...otherOutputs(report, scored),
  ]
}

const NO_TOKEN_SCORES =
  'The model gives no scores of the tokens that follow (an output [row, token, vocabulary]), so the text holds no truth about its answers: they were compared with those of the base model.'

/** A group that nobody declared decides nothing; that it lost more than the margin must not be overlooked. */
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
    `${whole(found.rows)} rows share their ${what} with another ("${found.example}" for one). If they are of one person, document or recording, name ${named} --cluster ${found.field || 'NAME'}: repeated rows prove less than fresh ones.`,
  ]
}

/** Of columns with few values, fresh rows repeat others too: a few say nothing. */
const MANY_COPIES = 0.01

/** Copies make n look larger than it is. Whether they are any only the user knows. */
function copies({ repeated, rows, oneRow }: ScoredRows): readonly string[] {
  if (oneRow || repeated < MANY_COPIES * rows.length || repeated === 0) return []
  return [
    `${whole(repeated)} of ${whole(rows.length)} rows hold exactly what an earlier row holds; ${whole(rows.length - repeated)} are different. Where they are copies, they prove less than fresh rows, and the bounds are narrower than they should be: leave them out.`,
  ]
}

/** Rows of the largest numbers may be answered alike by numbers that are quite others. */
function farOffOnLargeRows({ verdict, outputs }: ComparisonReport): readonly string[] {
  const [ofAll, ofMost] = [lowestSqnrDb({ outputs }), typicalSqnrDb({ outputs })]
  if (verdict === 'regressed' || !isCutOff({ outputs }) || ofAll! >= CLOSE_DB) return []
  return [
    `On rows of unusually large numbers the outputs are far from those of the base model: ${ofAll!.toFixed(0)} dB over all rows, ${ofMost!.toFixed(0)} without these. Answers were judged on these rows as on all others; where the numbers themselves are used, look at them.`,
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
      .map(({ name, sqnrDb }) => `${name} keeps ${sqnrDb!.toFixed(0)} dB`)
      .join(
        ', ',
      )}${far.length > 3 ? ` and ${far.length - 3} others as little` : ''} of signal over difference. ${metric.name} reads the output that fits the labels and does not see the others: where they are used, judge them by labels of their own.`,
  ]
}

/** Whatever the verdict says of the answers on the whole: an answer that is no number is another thing than a wrong one. */
function noNumbers({ broken, rows }: ScoredRows): readonly string[] {
  const count = broken.filter(Boolean).length
  return count === 0
    ? []
    : [
        `On ${whole(count)} of ${whole(rows.length)} rows the candidate gives NaN or infinity where the base model gives numbers: look at these rows before it is used.`,
      ]
}

function allAlike({ allAlike: alike, rows }: ScoredRows): readonly string[] {
  return alike
    ? [
        `The base model gives exactly the same numbers on all ${whole(rows.length)} rows: they are one row many times over, or the model does not look at them. They prove no more than one row does.`,
      ]
    : []
}

/**
 * One row many times over is one row, and rows that a model answers all alike are one for it, where nothing but its
 * answers is looked at: no verdict without evidence, however many rows there are.
 */
function asOneRow(report: ComparisonReport, scored: ScoredRows, margin: number, alpha: number): ComparisonReport {
  const unheard = scored.allAlike && !scored.metric
  if (!(scored.oneRow || unheard) || report.verdict !== 'pass') return report
  const rows = `all ${whole(scored.rows.length)} rows`
  const same = scored.oneRow ? `${rows} are the same row` : `the base model answers ${rows} with the same numbers`
  const needed = margin < 1 ? requiredN({ discordance: 0, margin, alpha }) : null
  return {
    ...report,
    verdict: 'inconclusive',
    grade: 'close',
    requiredN: needed,
    sentence: `Not settled: ${same}${scored.oneRow ? ', and prove' : ', which proves'} no more than one does${needed === null ? '' : `; about ${whole(needed)} different rows would settle it`}.`,
  }
}

/** A declared slice that regressed is the answer, whatever the mean says. */
function withSlices(report: ComparisonReport): ComparisonReport {
  const regressed = report.slices.filter((slice) => slice.declared && slice.verdict === 'regressed')
  if (regressed.length === 0) return report
  const worst = regressed
    .map(({ name, n, base, candidate }) =>
      base !== null && candidate !== null
        ? `${name} (${Number(base.toPrecision(3))} → ${Number(candidate.toPrecision(3))} on ${whole(n)} rows)`
        : `${name} (${whole(n)} rows)`,
    )
    .join(', ')
  const sentence =
    report.verdict === 'regressed'
      ? `${report.sentence} Declared slices that regressed: ${worst}.`
      : `Regressed for ${worst}. Over all rows alone: ${report.sentence}`
  return { ...report, verdict: 'regressed', overall: report.verdict, grade: null, requiredN: null, sentence }
}

function labelFieldOf(data: Dataset, { label, metric }: CompareOptions): string | null {
  if (label !== undefined) return fieldNamed(data, label, 'label')
  const found = data.fields.find(({ role }) => role === 'label')?.name ?? null
  if (found === null && typeof metric === 'string')
    throw new UserError('bad-data', `the metric "${metric}" needs labels, and the data has none`, {
      where: data.path,
      hint: 'name the field that holds the truth with --label',
    })
  return found
}

/** The field of a declared slice, or of a field that is declared by its name. */
function sliceField(data: Dataset, name: string): string {
  const names = data.fields.map((field) => field.name)
  return fieldNamed(data, fieldOfSlice(name, names), 'slice')
}

function fieldNamed(data: Dataset, name: string, what: string): string {
  if (data.fields.some((field) => field.name === name)) return name
  const names = data.fields.map((field) => field.name)
  throw new UserError('bad-argument', `the data has no ${what} field "${name}"`, {
    where: data.path,
    hint: `${didYouMean(name, names)}its fields are ${names.join(', ')}`,
  })
}

function requireRange(name: string, value: number, most: number): void {
  if (value > 0 && value <= most) return
  throw new UserError(
    'bad-argument',
    `${name} must be above 0${most < 1 ? ` and at most ${most}` : ''}, got ${value}`,
    {
      where: name,
      hint: name === 'alpha' ? 'usual: 0.05' : 'usual: 0.01, one point of a rate',
    },
  )
}
