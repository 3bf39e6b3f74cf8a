import type { Dataset } from '../data/index.ts'
import { leftUnseen, type Session } from '../engine/index.ts'
import { didYouMean, UserError } from '../platform/index.ts'
import { type ComparisonReport, grouped } from '../report/index.ts'
import { requiredN, rowsToShow } from '../statistics/index.ts'
import { short } from './amounts.ts'
import { comparisonDoubts } from './comparison-doubts.ts'
import { castNotes } from './feeds/feeds.ts'
import type { Metric } from './metric/metric.ts'
import { type MetricOptions, metricNamed } from './metric/metrics.ts'
import { type ScoredRows, scoreRows } from './score-rows.ts'
import type { SliceRule } from './slices/slice-verdicts.ts'
import { fieldOfSlice, namesRows } from './slices/slices.ts'
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
  /** Field with the truth; the data set's label field by default. */
  readonly label?: string | undefined
  readonly metric?: string | Metric | undefined
  /** For metrics by name: the output to read, the characters of a text recogniser. */
  readonly metricOptions?: MetricOptions | undefined
  /** Field that names clusters: rows of one person, document, recording. */
  readonly cluster?: string | undefined
  /**
   * Rows in one run; 1 by default, since a dynamically quantized model may answer a row differently in another batch,
   * and a verdict must not depend on a row's neighbours.
   */
  readonly batch?: number | undefined
  /** Rows to judge; all where omitted. */
  readonly indices?: readonly number[] | undefined
  /** Whether to look for hidden slices, gaps between groups and the tail as well; false by default. */
  readonly deep?: boolean | undefined
  /** Seed of resampling; the same one gives the same report. */
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
  const { margin = 0.01, alpha = 0.05, sliceMargins = {}, cluster } = options
  requireRange('margin', margin, Number.MAX_VALUE)
  requireRange('alpha', alpha, 0.5)
  for (const [name, value] of Object.entries(sliceMargins)) requireRange(`margin of ${name}`, value, Number.MAX_VALUE)
  const { spoken, undeclared } = sliceFieldsOf(data, options)
  const labelField = labelFieldOf(data, options)
  const total = options.indices?.length ?? data.rows
  const { classNames } = data
  const all = await scoreRows(base, candidate, data, {
    metric: options.metric,
    metricOptions: { ...(classNames ? { classNames } : {}), ...options.metricOptions },
    labelField,
    sliceFields: [...spoken, ...undeclared],
    clusterField: cluster === undefined ? undefined : fieldNamed(data, cluster, 'cluster'),
    batch: options.batch ?? 1,
    indices: options.indices,
    onProgress: (done) => options.onProgress?.(done, total),
    signal: options.signal,
  })
  if (all.rows.length === 0) throw noRows(data)
  const naming = undeclared.filter((field) => namesRows(field, all.slices.get(field)!))
  const scored = { ...all, slices: new Map([...all.slices].filter(([field]) => !naming.includes(field))) }
  const report = verdictOf(scored, { labelled: labelField !== null, spoken }, options)
  const tokens = scored.differences.tokens()
  const skipped = [...(report.skipped ?? []), ...data.skipped]
  const settled = {
    ...withSlices(asOneRow(report, scored, margin, alpha)),
    warnings: [
      ...report.warnings,
      ...comparisonDoubts(report, scored, { margin, classNames, labelField, cluster }),
      ...naming.map((field) => `"${field}" names the rows: no groups are made of it, unless --slice asks for them.`),
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

/** Fields that make groups: those of the declared slices, and those that the data has for it but nobody spoke of. */
function sliceFieldsOf(data: Dataset, { slices = [] }: CompareOptions) {
  const spoken: ReadonlySet<string> = new Set(slices.map((name) => sliceField(data, name)))
  const undeclared = data.fields
    .filter(({ role, name }) => role === 'slice' && !spoken.has(name))
    .map(({ name }) => name)
  return { spoken, undeclared }
}

/** What scored rows say over all and slice by slice: by the metric where there is one, else by how answers changed. */
function verdictOf(
  scored: ScoredRows,
  { labelled, spoken }: { labelled: boolean; spoken: ReadonlySet<string> },
  options: CompareOptions,
): ComparisonReport {
  const { margin = 0.01, alpha = 0.05, seed = 0, sliceMargins = {}, deep = false } = options
  const clusterField = options.cluster ?? null
  const rule: SliceRule = {
    alpha,
    seed,
    declared: new Set(options.slices),
    marginOf: ({ name, field }) => sliceMargins[name] ?? sliceMargins[field] ?? margin,
  }
  const { metric, spread } = scored
  const fields = [...scored.slices.keys()].filter((name) => !spoken.has(name))
  const report = metric
    ? verdictOnLabels(scored, metric, labelled, { margin, alpha, seed, clusterField, deep }, rule)
    : verdictOnAgreement(scored, { margin, alpha, clusterField, fields }, rule)
  return spread ? { ...report, labelSpread: spread } : report
}

function noRows({ path, skipped: [first] }: Dataset): UserError {
  const hint = first ? `every row was left out, the first because: ${first.reason}` : 'give data with at least one row'
  return new UserError('bad-data', 'there are no rows to compare on', { where: path, hint })
}

/**
 * One row many times over is one row, also where it was given several labels: both models saw one input, and how often
 * a label stands there says nothing of where their answers part. Rows that a model answers all alike are one for it,
 * where nothing but its answers is looked at: no verdict without evidence, however many rows there are.
 */
function asOneRow(report: ComparisonReport, scored: ScoredRows, margin: number, alpha: number): ComparisonReport {
  const unheard = scored.allAlike && !scored.metric
  if (!(scored.oneRow || unheard) || report.verdict !== 'pass') return report
  const rows = `all ${grouped(scored.rows.length)} rows`
  const same = scored.oneRow ? `${rows} hold the same inputs` : `the base model answers ${rows} with the same numbers`
  // Where rows are right or wrong fewer are enough than where any of them may have changed.
  const least = () => (report.discordant ? requiredN({ discordance: 0, margin, alpha }) : rowsToShow(margin, alpha))
  const needed = margin < 1 ? least() : null
  return {
    ...report,
    verdict: 'inconclusive',
    grade: 'close',
    requiredN: needed,
    sentence: `Not settled: ${same}${scored.oneRow ? ', and prove' : ', which proves'} no more than one does${needed === null ? '' : `; about ${grouped(needed)} different rows would settle it`}.`,
  }
}

/** A declared slice that regressed is the answer, whatever the mean says. */
function withSlices(report: ComparisonReport): ComparisonReport {
  const regressed = report.slices.filter((slice) => slice.declared && slice.verdict === 'regressed')
  if (regressed.length === 0) return report
  const worst = regressed
    .map(({ name, n, base, candidate }) =>
      base !== null && candidate !== null
        ? `${name} (${short(base)} → ${short(candidate)} on ${grouped(n)} rows)`
        : `${name} (${grouped(n)} rows)`,
    )
    .join(', ')
  const sentence =
    report.verdict === 'regressed'
      ? `${report.sentence} Declared slices that regressed: ${worst}.`
      : `Regressed for ${worst}. Over all rows alone: ${report.sentence}`
  return { ...report, verdict: 'regressed', overall: report.verdict, grade: null, requiredN: null, sentence }
}

function labelFieldOf(data: Dataset, { label, metric, metricOptions }: CompareOptions): string | null {
  // A name that is none is told before labels that it would need.
  if (typeof metric === 'string') metricNamed(metric, metricOptions)
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
