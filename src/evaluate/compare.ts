import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { UserError } from '../platform/index.ts'
import type { ComparisonReport, Grade, Verdict } from '../report/index.ts'
import { upperProportion } from '../statistics/index.ts'
import { type AgreementCounts, CLOSE_AGREEMENT, CLOSE_DB, judgeAgreement } from './agreement.ts'
import { judge, type PairedScores } from './judge.ts'
import type { Metric } from './metric.ts'
import type { MetricOptions } from './metrics.ts'
import { nearest } from './nearest.ts'
import { type ScoredRows, scoreRows } from './score-rows.ts'
import { agreementSentence, sentenceOf, whole } from './sentence.ts'
import { judgeAgreementSlices, judgeSlices, type SliceRule } from './slice-verdicts.ts'
import { type Slice, slicesOf } from './slices.ts'

export interface CompareOptions {
  /** Largest accepted loss, in the units of the metric (0.01 is one point of a rate). */
  readonly margin?: number
  /** One-sided level of every bound. */
  readonly alpha?: number
  /** Declared slice fields: one that regressed makes the verdict `regressed`. Other slice fields only inform. */
  readonly slices?: readonly string[]
  /** Margins of slices by name (`font=serif`) or field. */
  readonly sliceMargins?: Readonly<Record<string, number>>
  /** Field of the truth; the data set's label field where omitted. */
  readonly label?: string
  readonly metric?: string | Metric
  /** For metrics by name: the output to read, the characters of a text recogniser. */
  readonly metricOptions?: MetricOptions
  /** Field that names clusters: rows of one person, document, recording. */
  readonly cluster?: string
  /**
   * Rows in one run, 1 unless said otherwise: dynamically quantized models give a row another answer in another
   * batch, and a verdict must not depend on a row's neighbours.
   */
  readonly batch?: number
  /** Rows to judge; all where omitted. */
  readonly indices?: readonly number[]
  /** Of resampling; the same seed gives the same report. */
  readonly seed?: number
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
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
  requireRange('margin', margin, Number.MAX_VALUE)
  requireRange('alpha', alpha, 0.5)
  for (const [name, value] of Object.entries(options.sliceMargins ?? {}))
    requireRange(`margin of ${name}`, value, Number.MAX_VALUE)
  const declared = new Set((options.slices ?? []).map((name) => fieldNamed(data, name, 'slice')))
  const labelField = labelFieldOf(data, options)
  const undeclared = data.fields
    .filter(({ role, name }) => role === 'slice' && !declared.has(name))
    .map(({ name }) => name)
  const total = options.indices?.length ?? data.rows
  const scored = await scoreRows(base, candidate, data, {
    ...(options.metric === undefined ? {} : { metric: options.metric }),
    metricOptions: { ...(data.classNames ? { classNames: data.classNames } : {}), ...options.metricOptions },
    labelField,
    sliceFields: [...declared, ...undeclared],
    ...(options.cluster === undefined ? {} : { clusterField: fieldNamed(data, options.cluster, 'cluster') }),
    batch: options.batch ?? 1,
    ...(options.indices ? { indices: options.indices } : {}),
    onProgress: (done) => options.onProgress?.(done, total),
    ...(options.signal ? { signal: options.signal } : {}),
  })
  if (scored.rows.length === 0)
    throw new UserError('bad-data', 'there are no rows to compare on', {
      where: data.path,
      hint:
        data.skipped.length > 0
          ? `every row was left out, the first because: ${data.skipped[0]!.reason}`
          : 'give data with at least one row',
    })
  const rule: SliceRule = {
    alpha,
    seed,
    declared,
    marginOf: ({ name, field }) => options.sliceMargins?.[name] ?? options.sliceMargins?.[field] ?? margin,
  }
  const report = scored.metric
    ? withMetric(scored, scored.metric, labelField !== null, { margin, alpha, seed }, rule)
    : withoutLabels(scored, { margin, alpha }, rule)
  const skipped = [...(report.skipped ?? []), ...data.skipped]
  return {
    ...withSlices(report),
    warnings: [...report.warnings, ...data.notes],
    ...(skipped.length > 0 ? { skipped } : {}),
    data: { path: data.path, digest: await data.digest(), rows: data.rows },
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
  const rest =
    report.verdict === 'regressed' ? ` Overall: ${report.sentence}` : ` Over all rows alone: ${report.sentence}`
  return { ...report, verdict: 'regressed', grade: null, requiredN: null, sentence: `Regressed for ${worst}.${rest}` }
}

function withMetric(
  scored: ScoredRows,
  metric: Metric,
  labelled: boolean,
  options: { margin: number; alpha: number; seed: number },
  rule: SliceRule,
): ComparisonReport {
  const { margin, alpha } = options
  const usable = scored.rows
    .map((_, i) => i)
    .filter((i) => Number.isFinite(scored.base[i]!) && Number.isFinite(scored.candidate[i]!))
  const lost = scored.rows.filter(
    (_, i) => Number.isFinite(scored.base[i]!) && !Number.isFinite(scored.candidate[i]!),
  ).length
  const unscored = scored.rows.length - usable.length
  if (usable.length === 0 && lost === 0)
    throw new UserError('bad-data', `the metric "${metric.name}" gives no number on any row`, {
      where: 'metric',
      hint: 'check the labels and the outputs of the baseline for NaN',
    })
  const scoresOf = pairedScores(scored, metric)
  const judgement = usable.length > 0 ? judge(scoresOf(usable), options) : null
  const place = new Map(usable.map((row, i) => [row, i]))
  const usableSlices = allSlices(scored)
    .map((slice) => ({ ...slice, rows: slice.rows.filter((row) => place.has(row)) }))
    .filter(({ rows }) => rows.length > 0)
  const common = commonFields(scored, metric.name, options)
  const broken = lost > 0
  const verdict: Verdict = broken ? 'regressed' : judgement!.verdict
  const warnings: string[] = []
  if (broken) warnings.push(`The candidate gives no number on ${whole(lost)} rows where the baseline does.`)
  if (judgement && !Number.isFinite(judgement.delta))
    warnings.push(`The metric "${metric.name}" is undefined on these rows.`)
  return {
    ...common,
    verdict,
    grade: gradeOf(verdict, common),
    sentence: broken
      ? `Regressed: the candidate gives no number on ${whole(lost)} of ${whole(scored.rows.length)} rows where the baseline does.`
      : sentenceOf(judgement!, { metric, margin, alpha, changed: common.agreement?.changed ?? null }),
    higherIsBetter: metric.higherIsBetter,
    labelled,
    n: usable.length,
    base: { value: finite(judgement?.base) },
    candidate: { value: finite(judgement?.candidate) },
    discordant: judgement?.discordant ?? null,
    nonInferiority: judgement?.nonInferiority ?? null,
    mcnemar: judgement?.mcnemar ?? null,
    requiredN: broken ? null : judgement!.requiredN,
    measurablyWorse: !broken && judgement!.measurablyWorse,
    slices: judgeSlices(usableSlices, scoresOf, rule),
    warnings,
    ...(unscored > 0 ? { skipped: unscoredRows(scored, place) } : {}),
  }
}

function withoutLabels(
  scored: ScoredRows,
  options: { margin: number; alpha: number },
  rule: SliceRule,
): ComparisonReport {
  const { margin, alpha } = options
  const common = commonFields(scored, 'agreement', options)
  const dense = new Set(scored.differences.dense())
  const db = (keep: (name: string) => boolean) =>
    common.outputs.filter(({ name }) => keep(name)).map(({ sqnrDb }) => sqnrDb)
  const countsOf = (rows: readonly number[]): AgreementCounts => {
    const count = (flags: readonly boolean[]) => rows.reduce((sum, row) => sum + (flags[row] ? 1 : 0), 0)
    return {
      n: rows.length,
      changed: scored.differences.classLike ? count(scored.changed) : null,
      different: count(scored.different),
      broken: count(scored.broken),
      denseDb: db((name) => dense.has(name)),
      allDb: db(() => true),
    }
  }
  const counts = countsOf(scored.rows.map((_, i) => i))
  const judgement = judgeAgreement(counts, margin, alpha)
  const report = {
    ...common,
    ...judgement,
    higherIsBetter: true,
    labelled: false,
    n: counts.n,
    base: { value: null },
    candidate: { value: null },
    discordant: null,
    nonInferiority: null,
    mcnemar: null,
    measurablyWorse: false,
    slices: judgeAgreementSlices(allSlices(scored), countsOf, rule),
    warnings:
      judgement.verdict === 'pass'
        ? []
        : ['Without labels a changed answer has no direction: it may be better or worse.'],
  }
  return { ...report, sentence: agreementSentence(report, margin, alpha, counts.broken) }
}

function commonFields(scored: ScoredRows, metric: string, { alpha }: { alpha: number }) {
  const n = scored.rows.length
  const changed = scored.changed.filter(Boolean).length
  const flips = [...scored.flips].sort((a, b) => a.gain - b.gain || a.row - b.row)
  return {
    kind: 'comparison' as const,
    version: 1 as const,
    metric,
    alpha,
    agreement: scored.differences.classLike
      ? { rate: 1 - changed / n, changed, changedUpperBound: upperProportion({ successes: changed, n, alpha }) }
      : null,
    outputs: scored.differences.outputs(),
    batch: scored.batch,
    ...(flips.length > 0
      ? {
          flips: flips.map(({ row, base, candidate, label }) => ({
            row,
            base,
            candidate,
            ...(label === null ? {} : { label }),
          })),
        }
      : {}),
  }
}

function gradeOf(verdict: Verdict, { outputs, agreement }: Pick<ComparisonReport, 'outputs' | 'agreement'>): Grade {
  if (verdict === 'pass') return 'proven'
  if (verdict === 'regressed') return null
  const near = outputs.every(({ sqnrDb }) => sqnrDb === null || sqnrDb >= CLOSE_DB)
  return near || (agreement !== null && agreement.rate >= CLOSE_AGREEMENT) ? 'close' : null
}

/** The scores of a choice of rows, in the form that `judge` takes. */
function pairedScores(scored: ScoredRows, metric: Metric): (rows: readonly number[]) => PairedScores {
  const zeroOrOne = (values: readonly number[]) =>
    values.every((value) => value === 0 || value === 1 || Number.isNaN(value))
  const rightOrWrong =
    metric.rightOrWrong ?? (!metric.aggregate && zeroOrOne(scored.base) && zeroOrOne(scored.candidate))
  const { aggregate, stratum } = metric
  return (rows) => ({
    base: rows.map((row) => scored.base[row]!),
    candidate: rows.map((row) => scored.candidate[row]!),
    higherIsBetter: metric.higherIsBetter,
    rightOrWrong,
    ...(metric.bounds ? { bounds: metric.bounds } : {}),
    ...(aggregate
      ? {
          aggregate: (who: 'base' | 'candidate', drawn: Int32Array) => {
            const summaries = who === 'base' ? scored.baseSummaries : scored.candidateSummaries
            return aggregate(Array.from(drawn, (place) => summaries[rows[place]!]!))
          },
        }
      : {}),
    ...(stratum ? { strata: rows.map((row) => stratum(scored.baseSummaries[row]!)) } : {}),
    ...(scored.clusters ? { clusters: rows.map((row) => scored.clusters![row]!) } : {}),
  })
}

function allSlices(scored: ScoredRows): readonly Slice[] {
  return [...scored.slices].flatMap(([field, values]) => slicesOf(field, values))
}

function unscoredRows(scored: ScoredRows, usable: ReadonlyMap<number, number>) {
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

function fieldNamed(data: Dataset, name: string, what: string): string {
  if (data.fields.some((field) => field.name === name)) return name
  const names = data.fields.map((field) => field.name)
  const close = nearest(name, names)
  throw new UserError('bad-argument', `the data has no ${what} field "${name}"`, {
    where: data.path,
    hint: `${close ? `did you mean "${close}"? ` : ''}its fields are ${names.join(', ')}`,
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
