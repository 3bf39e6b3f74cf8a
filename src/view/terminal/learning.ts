import {
  type DistillationReport,
  type LearnedModel,
  type LearnedWeightsReport,
  type PruningReport,
  type TuningReport,
  wrap,
} from '../../report/index.ts'
import { bytes, count, metricValue, ms, percent, plural, times } from '../words.ts'
import { runsIn } from './runs-in.ts'
import { section } from './section.ts'
import { headline, type Style, textTable } from './table.ts'

/** The verdict, the model before and after, what was removed where, and what had to stay. */
export function pruning(report: PruningReport, style: Style): string {
  return [
    ...head(report, style),
    ...sides(report, [report.before, report.after], style),
    ...section(
      report.pattern ? `${report.unit}, ${report.pattern}` : report.unit,
      report.groups.map(
        ({ nodes, kept, removed }) =>
          `${count(kept)} of ${count(kept + removed)} kept: ${nodes.slice(0, 4).join(', ')}${nodes.length > 4 ? `, … (${nodes.length})` : ''}`,
      ),
      style,
    ),
    ...section(
      'held in place',
      report.held.map(({ node, reason }) => `${node}: ${reason}`),
      style,
    ),
    ...tail(report, style),
  ].join('\n')
}

/** The verdict, teacher and student side by side, and how the student was made. */
export function distillation(report: DistillationReport, style: Style): string {
  return [
    ...head(report, style),
    ...sides(report, [report.teacher, report.student], style),
    '',
    ...wrap(`student: ${report.recipe}`, style.width),
    ...tail(report, style),
  ].join('\n')
}

/** The noise of each part with nearest and with learned codes, and what was left alone. */
export function learnedWeights(report: LearnedWeightsReport, style: Style): string {
  return [
    `learned for ${plural(Object.keys(report.weights).length, 'weight')} on ${plural(report.samples, 'row')}`,
    ...section(
      'noise of each part with nearest and with learned codes',
      report.blocks.map(
        ({ weights, nearest, learned, kept }) =>
          `${weights.join(', ')}: ${nearest.toExponential(2)}, ${learned.toExponential(2)}, ${kept} kept`,
      ),
      style,
    ),
    ...section(
      'left',
      report.left.map(({ name, reason }) => `${name}: ${reason}`),
      style,
    ),
  ].join('\n')
}

/** The verdict, the model before and after, and what tuning gave back of what quantizing lost. */
export function tuning(report: TuningReport, style: Style): string {
  const { plain, gapClosed, scales } = report
  return [
    ...head(report, style),
    ...sides(report, [report.before, report.after], style),
    '',
    ...[
      `${report.scheme} without tuning: ${metricValue(plain.metric)}, ${plain.verdict}${gapClosed === null || gapClosed < 0 ? '' : `; tuning gave back ${percent(gapClosed)} of what it lost`}`,
      `learned: ${plural(scales.values, 'scale')} of values and ${plural(scales.weights, 'scale')} of weights, and the weights`,
    ].flatMap((line) => wrap(line, style.width)),
    ...tail(report, style),
  ].join('\n')
}

type Learning = PruningReport | DistillationReport | TuningReport

const head = (report: Learning, style: Style): readonly string[] => [
  ...headline(report.sentence, style, { verdict: report.verdict }),
  ...wrap(report.proof, style.width),
  '',
]

function sides({ metric, speedup }: Learning, [before, after]: readonly [LearnedModel, LearnedModel], style: Style) {
  const row = (model: LearnedModel, speed: string) => [
    model.path,
    count(model.parameters),
    model.macs === null ? '?' : count(model.macs),
    bytes(model.bytes),
    ms(model.p50Ms),
    speed,
    metricValue(model.metric),
  ]
  const table = textTable(
    [
      { head: 'model' },
      { head: 'parameters', right: true },
      { head: 'MACs a row', right: true },
      { head: 'size', right: true },
      { head: 'median', right: true },
      { head: 'speed', right: true },
      { head: metric, right: true },
    ],
    [row(before, speedup === null ? '–' : '1×'), row(after, speedup === null ? '–' : times(speedup))],
    style,
  )
  return [table, ...runsIn(after, style)]
}

function tail(report: Learning, style: Style): readonly string[] {
  const { cost, epochs, rows } = report
  return [
    ...(epochs.length > 0
      ? [
          '',
          textTable(
            [
              { head: 'epoch', right: true },
              { head: 'loss', right: true },
              { head: report.scoreName, right: true },
              { head: 'rate', right: true },
            ],
            epochs.map(({ epoch, loss, score, rate }) => [
              count(epoch + 1),
              loss.toPrecision(4),
              metricValue(score),
              rate.toExponential(1),
            ]),
            style,
          ),
        ]
      : []),
    '',
    ...wrap(
      `rows: ${count(rows.train)} to train, ${count(rows.select)} to choose the epoch, ${count(rows.prove)} to prove`,
      style.width,
    ),
    ...wrap(
      `training: ${cost.seconds.toFixed(0)} s, ${plural(cost.steps, 'step')}${cost.breakEvenAnswers === null ? '' : `; the faster model has saved that time after ${count(cost.breakEvenAnswers)} answers`}`,
      style.width,
    ),
    ...section('warnings', report.warnings, style),
  ]
}
