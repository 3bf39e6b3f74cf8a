import { corrupted, type Dataset, nudged } from '../../data/index.ts'
import { UserError } from '../../platform/index.ts'
import type { RobustnessReport, RowScores } from '../../report/index.ts'
import { checkedMetric } from '../metric/checked-metric.ts'
import { type MetricOptions, metricNamed } from '../metric/metrics.ts'
import { brittleness } from './brittleness.ts'
import { cellSource } from './cell-source.ts'
import { corruptionPart } from './corruption-part.ts'
import type { RobustnessOptions } from './options.ts'
import { SAME_ANSWER, type Yardstick, yardstickOf } from './paired-values.ts'
import { planOf } from './plan.ts'
import { probabilityParts } from './probability-parts.ts'
import { sentenceOf } from './sentence.ts'
import type { RobustnessSubject } from './subject.ts'

export type { RobustnessOptions, RobustnessProgress } from './options.ts'

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
  const plan = await planOf(data, options)
  const { understood, severities, labelField, seed, margin, alpha } = plan
  const digest = await data.digest()
  const source = cellSource(subjects, digest, data.rows, plan, options)
  const clean = await source('clean rows', null, data)
  const judged = { margin, alpha, seed }
  const yardstick = yardstickFor(clean, options, plan.metricOptions)
  const corruptions = await corruptionPart(
    {
      names: subjects.map(({ path }) => path),
      chosen: plan.corruptions,
      severities,
      clean,
      yardstick,
      cell: (name, severity) =>
        source(
          `${name}, severity ${severity}`,
          { name, severity, seed, understood },
          corrupted(data, understood, name, severity, seed),
        ),
    },
    judged,
  )
  const brittle = await brittleness(
    plan.nudges,
    clean,
    (name) => source(name, { nudge: name, understood }, nudged(data, understood, name)),
    judged,
  )
  const probabilities = await probabilityParts(subjects, data, {
    labelField,
    outside: options.outside,
    alpha,
    seed,
    onPart: (part) => options.onProgress?.({ part, done: plan.rows, total: plan.rows }),
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
    models: subjects.map(({ path, digest: own }, m) => ({ path, digest: own, ...corruptions.models[m]! })),
    corruptions: corruptions.corruptions,
    calibration: probabilities.calibration,
    outOfDistribution: probabilities.outOfDistribution,
    brittleness: brittle,
    missing: {
      ...probabilities.missing,
      ...corruptions.missing,
      ...(brittle ? {} : { brittleness: 'no output of the models answers with a class' }),
    },
    warnings: [...new Set([...understood.notes, ...probabilities.warnings, ...corruptions.warnings, ...data.notes])],
    data: { path: data.path, digest, rows: data.rows },
  } satisfies Omit<RobustnessReport, 'sentence'>
  return { ...report, sentence: sentenceOf(report) }
}

function yardstickFor(clean: RowScores, options: RobustnessOptions, metricOptions: MetricOptions): Yardstick {
  if (clean.metric) {
    const { metric } = options
    // A name may carry settings that the metric's own name does not.
    const found = typeof metric === 'object' ? metric : metricNamed(metric ?? clean.metric.name, metricOptions)
    return yardstickOf(checkedMetric(found), clean)
  }
  if (clean.models.every(({ answers }) => answers)) return SAME_ANSWER
  throw new UserError('bad-data', 'without labels only answers can be followed, and no output answers with a class', {
    where: 'outputs',
    hint: 'give labels (a field "labels", or --label FIELD), or a metric of your own: --metric ./metric.mjs',
  })
}
