import type { Column, Dataset, Rows } from '../data/index.ts'
import type { Fetched, Session } from '../engine/index.ts'
import type { NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { FlippedRow } from '../report/index.ts'
import { type ClassScores, classScores } from './class-scores.ts'
import { type Differences, differences } from './differences.ts'
import { feedsOf, rowsPerRun } from './feeds.ts'
import type { Metric, MetricRow, RowLabel } from './metric.ts'
import { defaultMetric, type MetricOptions, metricNamed } from './metrics.ts'
import { isClassLike, type RowOutputs, splitRows, topAnswer } from './row-outputs.ts'
import { sameOutputs } from './same-outputs.ts'
import { sameRows } from './same-rows.ts'
import { sliceValues } from './slices.ts'

export interface ScoreOptions {
  readonly metric?: string | Metric
  readonly metricOptions: MetricOptions
  readonly labelField: string | null
  readonly sliceFields: readonly string[]
  readonly clusterField?: string
  readonly batch: number
  readonly indices?: readonly number[]
  readonly onProgress?: (done: number) => void
  readonly signal?: AbortSignal
}

/** A row whose answers differ, for people to look at. */
export interface Flip {
  readonly shown: FlippedRow
  /** Place among the judged rows. */
  readonly place: number
  /** Score of the candidate minus score of the baseline, higher being better; 0 without a metric. */
  readonly gain: number
}

/** All that is kept of the rows: a few numbers each. Lists are parallel, one entry a row that was judged. */
export interface ScoredRows {
  readonly metric: Metric | null
  readonly rows: readonly number[]
  readonly base: readonly number[]
  readonly candidate: readonly number[]
  readonly baseSummaries: readonly (readonly number[])[]
  readonly candidateSummaries: readonly (readonly number[])[]
  readonly changed: readonly boolean[]
  readonly different: readonly boolean[]
  readonly broken: readonly boolean[]
  readonly slices: ReadonlyMap<string, readonly (string | number)[]>
  readonly clusters: readonly (string | number)[] | null
  readonly differences: Differences
  readonly flips: readonly Flip[]
  readonly batch: number
  /** Label of every row as text; null where rows have no single label. */
  readonly labels: readonly string[] | null
  /** Null where the outputs hold no class probabilities. */
  readonly classes: ClassScores | null
  /** Rows whose id another row has as well, and one such id. */
  readonly repeatedIds: { readonly field: string; readonly rows: number; readonly example: string } | null
  /** The base gives exactly the same numbers to every row, of which there are several. */
  readonly allAlike: boolean
  /** Every row has exactly the same inputs and the same label: one row, several times over. */
  readonly oneRow: boolean
}

const MOST_FLIPS = 50
/** Characters of a row's text that a report shows. */
const MOST_TEXT = 200

/**
 * Runs both sessions over the rows, a batch at a time, and keeps scores, changed answers and slice values; outputs are
 * let go at once, so memory grows by some numbers a row.
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
  const batch = Math.min(
    rowsPerRun(base.inputs, data, options.batch),
    rowsPerRun(candidate.inputs, data, options.batch),
  )
  const renamed = outputNames(base, candidate)
  const seen = differences()
  const kept = {
    rows: [] as number[],
    base: [] as number[],
    candidate: [] as number[],
    baseSummaries: [] as (readonly number[])[],
    candidateSummaries: [] as (readonly number[])[],
    changed: [] as boolean[],
    different: [] as boolean[],
    broken: [] as boolean[],
  }
  const slices = new Map(options.sliceFields.map((field) => [field, [] as (string | number)[]]))
  const clusters: (string | number)[] = []
  const flips: Flip[] = []
  const labels: string[] = []
  const seenClasses = classScores(options.metricOptions.classNames)
  const alike = sameOutputs()
  const repeating = sameRows(
    data.fields.filter(({ role }) => role === 'input').map(({ name }) => name),
    options.labelField,
  )
  const idField = data.fields.find(({ role, rowShape }) => role === 'id' && rowShape.length === 0)?.name
  const textField = data.fields.find(({ role, dtype }) => role === 'input' && dtype === 'string')?.name
  const ids = new Map<string, number>()
  let metric = typeof options.metric === 'string' ? metricNamed(options.metric, options.metricOptions) : options.metric
  for await (const rows of data.read({ batch, ...(options.indices ? { indices: options.indices } : {}) })) {
    options.signal?.throwIfAborted()
    const count = rows.indices.length
    const [first, second] = await runBoth(base, candidate, rows, data)
    const ofBase = splitRows(first, count)
    const ofCandidate = splitRows(renamed ? rename(second, renamed) : second, count)
    for (const [field, values] of slices) values.push(...sliceValues(columnOf(rows, field, data), count))
    if (options.clusterField) clusters.push(...sliceValues(columnOf(rows, options.clusterField, data), count))
    const fields = fieldsOfRows(rows)
    for (let i = 0; i < count; i++) {
      const row = rows.indices[i]!
      const label = options.labelField === null ? undefined : fields[i]![options.labelField]
      const common = { row, fields: fields[i]!, ...(label === undefined ? {} : { label }) }
      const pair = { base: { ...common, outputs: ofBase[i]! }, candidate: { ...common, outputs: ofCandidate[i]! } }
      if (!metric && label !== undefined) metric = defaultMetric(label, ofBase[i]!, options.metricOptions)
      const difference = seen.add(ofBase[i]!, ofCandidate[i]!)
      alike.add(ofBase[i]!)
      repeating.add(fields[i]!)
      kept.rows.push(row)
      kept.changed.push(difference.changed)
      kept.different.push(!difference.identical)
      kept.broken.push(difference.broken)
      seenClasses.add(ofBase[i]!, ofCandidate[i]!, label)
      const shownLabel = labelText(label, data)
      if (shownLabel !== null) labels.push(shownLabel)
      const id = idField === undefined ? undefined : String(fields[i]![idField])
      if (id !== undefined) ids.set(id, (ids.get(id) ?? 0) + 1)
      const text = textField === undefined ? undefined : String(fields[i]![textField]).slice(0, MOST_TEXT)
      const shown = { row, ...(id === undefined ? {} : { id }), ...(text === undefined ? {} : { text }) }
      const place = kept.rows.length - 1
      if (!metric) {
        if (difference.changed)
          addFlip(flips, {
            place,
            gain: 0,
            shown: {
              ...shown,
              base: answerOf(ofBase[i]!, data),
              candidate: answerOf(ofCandidate[i]!, data),
              direction: 'changed',
            },
          })
        continue
      }
      const scored = scorePair(metric, pair.base, pair.candidate)
      kept.base.push(scored.base)
      kept.candidate.push(scored.candidate)
      kept.baseSummaries.push(scored.baseSummary)
      kept.candidateSummaries.push(scored.candidateSummary)
      if (metric.answer && scored.base !== scored.candidate) {
        const gain = (scored.candidate - scored.base) * (metric.higherIsBetter ? 1 : -1)
        addFlip(flips, {
          place,
          gain,
          shown: {
            ...shown,
            base: metric.answer(pair.base),
            candidate: metric.answer(pair.candidate),
            ...(shownLabel === null ? {} : { label: shownLabel }),
            direction: gain < 0 ? 'lost' : 'gained',
          },
        })
      }
    }
    options.onProgress?.(kept.rows.length)
  }
  if (metric?.scoreAll) {
    kept.base = [...metric.scoreAll(kept.baseSummaries)]
    kept.candidate = [...metric.scoreAll(kept.candidateSummaries)]
  }
  return {
    ...kept,
    metric: metric ?? null,
    slices,
    clusters: options.clusterField ? clusters : null,
    differences: seen,
    flips,
    batch,
    labels: labels.length === kept.rows.length ? labels : null,
    classes: seenClasses.result(),
    repeatedIds: repeated(idField, ids),
    allAlike: alike.result(),
    oneRow: repeating.result(),
  }
}

function repeated(field: string | undefined, ids: ReadonlyMap<string, number>): ScoredRows['repeatedIds'] {
  const more = [...ids].filter(([, count]) => count > 1)
  if (field === undefined || more.length === 0) return null
  return { field, rows: more.reduce((sum, [, count]) => sum + count, 0), example: more[0]![0] }
}

/** The top answers of the class-like outputs of a row. */
function answerOf(outputs: RowOutputs, data: Dataset): string {
  const answers = Object.entries(outputs)
    .filter(([name, value]) => isClassLike(name, value))
    .map(([, value]) => {
      const answer = topAnswer(value)
      return typeof answer === 'number' ? (data.classNames?.[answer] ?? String(answer)) : (answer ?? 'none (NaN)')
    })
  return answers.join(', ')
}

/** Both models on the same rows, side by side where they live in processes of their own. */
async function runBoth(base: Session, candidate: Session, rows: Rows, data: Dataset): Promise<[Fetched, Fetched]> {
  const feeds = feedsOf(rows, base.inputs, data)
  const others = feedsOf(rows, candidate.inputs, data)
  if (base === candidate) return [await base.run(feeds), await candidate.run(others)]
  return Promise.all([base.run(feeds), candidate.run(others)])
}

/** Losses before gains, then in the order of the rows; the list stays short. */
function addFlip(flips: Flip[], flip: Flip): void {
  if (flips.length < MOST_FLIPS) flips.push(flip)
  else if (flip.gain < 0) {
    const gained = flips.findIndex(({ gain }) => gain > 0)
    if (gained >= 0) flips.splice(gained, 1, flip)
  }
}

function scorePair(metric: Metric, base: MetricRow, candidate: MetricRow) {
  const [ofBase, ofCandidate] = [scoreOf(metric, base), scoreOf(metric, candidate)]
  return {
    base: ofBase,
    candidate: ofCandidate,
    baseSummary: metric.summary ? metric.summary(base) : [ofBase],
    candidateSummary: metric.summary ? metric.summary(candidate) : [ofCandidate],
  }
}

export function scoreOf(metric: Metric, row: MetricRow): number {
  let score: unknown
  try {
    score = metric.score(row)
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UserError('bad-argument', `the metric "${metric.name}" failed on row ${row.row}: ${message}`, {
      where: `row ${row.row}`,
      hint: 'its score gets { outputs, label, row, fields }, the outputs of one row by name as { dtype, dims, data }',
      cause,
    })
  }
  if (typeof score === 'number') return score
  const shown = score === null ? 'null' : Array.isArray(score) ? `a list of ${score.length}` : typeof score
  throw new UserError('bad-argument', `the metric "${metric.name}" gave ${shown} for row ${row.row}, not one number`, {
    where: `row ${row.row}`,
    hint: 'a metric scores one row at a time: return one number',
  })
}

/** How the candidate's outputs are called in the baseline, where the names differ; null where they are the same. */
export function outputNames(base: Session, candidate: Session): ReadonlyMap<string, string> | null {
  const names = candidate.outputs.map(({ name }) => name)
  if (base.outputs.every(({ name }) => names.includes(name))) return null
  if (base.outputs.length !== names.length)
    throw new UserError('bad-model', 'the two models have different outputs', {
      where: `${base.outputs.map(({ name }) => name).join(', ')} and ${names.join(', ')}`,
      hint: 'compare models that answer the same question with the same outputs',
    })
  return new Map(names.map((name, place) => [name, base.outputs[place]!.name]))
}

export function rename(fetched: Fetched, names: ReadonlyMap<string, string>): RowOutputs {
  return Object.fromEntries(Object.entries(fetched).map(([name, value]) => [names.get(name) ?? name, value]))
}

function columnOf(rows: Rows, field: string, data: Dataset): Column {
  const column = rows.columns[field]
  if (column) return column
  throw new UserError('bad-data', `row ${rows.indices[0]} has no field "${field}"`, { where: data.path })
}

export function fieldsOfRows(rows: Rows): readonly Readonly<Record<string, RowLabel>>[] {
  const count = rows.indices.length
  const columns = Object.entries(rows.columns)
  return rows.indices.map((_, row) =>
    Object.fromEntries(columns.map(([name, column]) => [name, cellOf(column, row, count)])),
  )
}

function cellOf(column: Column, row: number, count: number): RowLabel {
  const size = column.data.length / count
  if (size === 1) {
    const value = column.data[row]!
    return typeof value === 'bigint' ? Number(value) : value
  }
  if (ArrayBuffer.isView(column.data))
    return (column.data as Float32Array).subarray(row * size, (row + 1) * size) as NumericArray
  return (column.data as readonly string[]).slice(row * size, (row + 1) * size).join(' ')
}

function labelText(label: RowLabel | undefined, data: Dataset): string | null {
  if (typeof label === 'number') return data.classNames?.[label] ?? String(label)
  return typeof label === 'string' ? label : null
}
