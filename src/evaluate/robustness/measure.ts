import {
  applicable,
  corrupted,
  type Dataset,
  type Modality,
  nudged,
  nudges,
  type Understood,
  understand,
} from '../../data/index.ts'
import { didYouMean, UserError } from '../../platform/index.ts'
import type { RobustnessReport, RowScores } from '../../report/index.ts'
import type { Metric } from '../metric.ts'
import { type MetricOptions, metricNamed } from '../metrics.ts'
import { type CellSource, corruptionPart } from './corruption-part.ts'
import { changeOf, SAME_ANSWER, scoresOf, type Yardstick, yardstickOf } from './paired-values.ts'
import { probabilityParts } from './probability-parts.ts'
import { scoreModels } from './score-models.ts'
import { sentenceOf } from './sentence.ts'
import type { RobustnessSubject } from './subject.ts'

export interface RobustnessOptions {
  /** By name; all that apply to the inputs where omitted. */
  readonly corruptions?: readonly string[] | undefined
  readonly severities?: readonly number[] | undefined
  readonly metric?: string | Metric | undefined
  readonly metricOptions?: MetricOptions | undefined
  readonly label?: string | undefined
  /** Rows from elsewhere: how well is it noticed that they are not like the data? */
  readonly outside?: Dataset | undefined
  /** What the inputs are, where it cannot be told. */
  readonly modality?: Modality | undefined
  /** Values of black and white. */
  readonly range?: readonly [number, number] | undefined
  /** Largest loss that is accepted, in units of the metric. */
  readonly margin?: number | undefined
  readonly alpha?: number | undefined
  readonly seed?: number | undefined
  /** Keeps the scores of a finished piece of work by everything that decides them: a long run can be resumed. */
  readonly keep?:
    | ((key: Readonly<Record<string, unknown>>, make: () => Promise<RowScores>) => Promise<RowScores>)
    | undefined
  readonly onProgress?: ((progress: RobustnessProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RobustnessProgress {
  readonly part: string
  /** Rows done and in all, over the whole run; a kept piece counts at once. */
  readonly done: number
  readonly total: number
}

/**
 * How models stand corrupted inputs, rows from elsewhere and tiny changes, all on the same rows with the same seeds; the
 * first model is what the others are compared with. Memory holds a few numbers a row, corruption and model.
 *
 * @throws UserError for rows that do not fit, unknown corruptions, and data of which nothing can be asked.
 */
export async function measureRobustness(
  subjects: readonly RobustnessSubject[],
  data: Dataset,
  options: RobustnessOptions = {},
): Promise<RobustnessReport> {
  const { margin = 0.01, alpha = 0.05, seed = 0 } = options
  const severities = severitiesOf(options.severities)
  const understood = await understand(data, {
    ...(options.modality ? { modality: options.modality } : {}),
    ...(options.range ? { range: options.range } : {}),
    seed,
  })
  const chosen = chosenCorruptions(understood, options.corruptions)
  const labelField = labelFieldOf(data, options)
  const metricOptions = { ...(data.classNames ? { classNames: data.classNames } : {}), ...options.metricOptions }
  const nudgeNames = Object.keys(nudges[understood.modality])
  const progress = progressOf(options, data.rows * (1 + chosen.length * severities.length + nudgeNames.length))
  const digest = await data.digest()
  const source: CellSource = async (part, what, changed) => {
    options.signal?.throwIfAborted()
    const make = () =>
      scoreModels(
        subjects.map(({ session }) => session),
        changed,
        {
          metric: options.metric,
          metricOptions,
          labelField,
          onRow: (row) => progress.within(part, row),
          signal: options.signal,
        },
      )
    const named = typeof options.metric === 'string' ? options.metric : null
    const key = {
      measure: 'row-scores',
      what,
      models: subjects.map((one) => one.digest),
      data: digest,
      metric: named,
      labelField,
      metricOptions,
    }
    // A metric from a user's file may change between runs under the same name.
    const cell = await (options.keep && typeof options.metric !== 'object' ? options.keep(key, make) : make())
    progress.finished(part, data.rows)
    return cell
  }
  const clean = await source('clean rows', null, data)
  const yardstick = yardstickFor(clean, options, metricOptions)
  const judged = { margin, alpha, seed }
  const part = await corruptionPart(
    chosen,
    severities,
    clean,
    yardstick,
    (name, severity) =>
      source(
        `${name}, severity ${severity}`,
        { name, severity, seed, understood },
        corrupted(data, understood, name, severity, seed),
      ),
    judged,
  )
  const brittle = clean.models.every(({ answers }) => answers)
    ? await brittleness(
        nudgeNames,
        clean,
        (name) => source(name, { nudge: name, understood }, nudged(data, understood, name)),
        judged,
      )
    : null
  const { calibration, outOfDistribution, missing, warnings } = await probabilityParts(subjects, data, {
    labelField,
    outside: options.outside,
    alpha,
    seed,
    onPart: (text) => options.onProgress?.({ part: text, done: progress.total, total: progress.total }),
    signal: options.signal,
  })
  const report = {
    kind: 'robustness',
    version: 1,
    metric: yardstick.name,
    higherIsBetter: yardstick.higherIsBetter,
    labelled: yardstick !== SAME_ANSWER,
    n: clean.rows.length,
    alpha,
    margin,
    seed,
    modality: understood.modality,
    severities,
    models: subjects.map(({ path, digest: own }, m) => ({ path, digest: own, ...part.models[m]! })),
    corruptions: part.corruptions,
    calibration,
    outOfDistribution,
    brittleness: brittle,
    missing: {
      ...missing,
      ...part.missing,
      ...(brittle ? {} : { brittleness: 'no output of the models answers with a class' }),
    },
    warnings: [...new Set([...understood.notes, ...warnings, ...part.warnings, ...data.notes])],
    data: { path: data.path, digest, rows: data.rows },
  } satisfies Omit<RobustnessReport, 'sentence'>
  return { ...report, sentence: sentenceOf(report) }
}

async function brittleness(
  names: readonly string[],
  clean: RowScores,
  source: (name: string) => Promise<RowScores>,
  options: { readonly margin: number; readonly alpha: number; readonly seed: number },
): Promise<NonNullable<RobustnessReport['brittleness']>> {
  const rows: NonNullable<RobustnessReport['brittleness']>[number][] = []
  for (const name of names) {
    const scores = scoresOf(await source(name), clean, SAME_ANSWER)
    rows.push({
      name,
      changed: scores.map((model) => 1 - model.scores.reduce((sum, same) => sum + same, 0) / model.scores.length),
      changes: scores.map((model, m) => (m === 0 ? null : changeOf(scores[0]!, model, SAME_ANSWER, options))),
    })
  }
  return rows
}

function yardstickFor(clean: RowScores, options: RobustnessOptions, metricOptions: MetricOptions): Yardstick {
  if (clean.metric) {
    const { metric } = options
    // A name may carry settings that the metric's own name does not.
    const found = typeof metric === 'object' ? metric : metricNamed(metric ?? clean.metric.name, metricOptions)
    return yardstickOf(found, clean)
  }
  if (clean.models.every(({ answers }) => answers)) return SAME_ANSWER
  throw new UserError('bad-data', 'without labels only answers can be followed, and no output answers with a class', {
    where: 'outputs',
    hint: 'give labels (a field "labels", or --label FIELD), or a metric of your own: --metric ./metric.mjs',
  })
}

function chosenCorruptions(understood: Understood, wanted: readonly string[] | undefined) {
  const known = applicable(understood)
  if (!wanted || wanted.length === 0) return known
  return wanted.map((name) => {
    const found = known.find((one) => one.name === name)
    if (found) return found
    const names = known.map((one) => one.name)
    throw new UserError('bad-argument', `there is no corruption "${name}" for ${understood.modality}`, {
      where: '--corruptions',
      hint: `${didYouMean(name, names)}known: ${names.join(', ')}`,
    })
  })
}

function severitiesOf(given: readonly number[] = [1, 2, 3, 4, 5]): readonly number[] {
  const bad = given.find((severity) => !Number.isInteger(severity) || severity < 1 || severity > 5)
  if (bad !== undefined || given.length === 0)
    throw new UserError('bad-argument', `${bad ?? 'nothing'} is no severity`, {
      where: '--severities',
      hint: 'whole numbers from 1 (slight) to 5 (strong), for example 1,3,5',
    })
  return [...new Set(given)].sort()
}

function labelFieldOf(data: Dataset, { label }: RobustnessOptions): string | null {
  if (label === undefined) return data.fields.find(({ role }) => role === 'label')?.name ?? null
  if (data.fields.some(({ name }) => name === label)) return label
  throw new UserError('bad-argument', `the data has no field "${label}"`, {
    where: data.path,
    hint: `its fields are ${data.fields.map(({ name }) => name).join(', ')}`,
  })
}

function progressOf({ onProgress }: RobustnessOptions, total: number) {
  let finished = 0
  return {
    total,
    within: (part: string, row: number) => onProgress?.({ part, done: finished + row, total }),
    finished(part: string, rows: number) {
      finished += rows
      onProgress?.({ part, done: finished, total })
    },
  }
}
