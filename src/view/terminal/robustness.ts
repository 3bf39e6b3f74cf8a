import { type RobustnessReport, type RowScores, rowsKind, wrap } from '../../report/index.ts'
import { columnsInWords } from '../robustness-words.ts'
import { count, fileName, inWords, metricValue, percent, plural, signed } from '../words.ts'
import { section } from './section.ts'
import { headline, paint, type Style, textTable } from './table.ts'

/** The verdict, each model clean and corrupted, then every part that was measured. */
export function robustness(report: RobustnessReport, style: Style): string {
  const { models, corruptions, warnings, missing, labelled } = report
  const others = models.slice(1)
  const verdict = others.length === 1 ? others[0]!.change?.verdict : undefined
  return [
    ...headline(report.sentence, style, verdict && { verdict }),
    ...wrap(
      `${plural(report.n, 'row')} of ${rowsKind(report.modality)}, seed ${report.seed}${labelled ? '' : '; no labels: right is the answer that a model gives to the untouched row'}`,
      style.width,
    ),
    '',
    textTable(
      [
        { head: 'model' },
        ...['clean', 'corrupted', 'change', 'mCE', 'relative mCE', 'churn'].map((head) => ({ head, right: true })),
      ],
      models.map((model) => [
        model.path,
        metricValue(model.clean),
        metricValue(model.corrupted),
        model.change
          ? `${signed(model.change.delta)} (${signed(model.change.ci[0])} to ${signed(model.change.ci[1])})`
          : '',
        model.mce ? model.mce.value.toFixed(3) : '–',
        model.relativeMce === null ? '–' : model.relativeMce.toFixed(3),
        model.churn?.corrupted == null ? '' : percent(model.churn.corrupted),
      ]),
      style,
    ),
    ...columnsInWords(report)
      .flatMap((line) => wrap(line, style.width))
      .map((line) => paint('dim', line, style)),
    ...heatTables(report, style),
    ...(corruptions.some(({ cells }) => cells.some(({ changes }) => changes.some((change) => change && shows(change))))
      ? [paint('dim', '* the interval of the change to the first model leaves out 0', style)]
      : []),
    ...calibration(report, style),
    ...detectors(report, style),
    ...brittleness(report, style),
    ...section(
      'not measured',
      Object.entries(missing).map(([name, reason]) => `${inWords(name)}: ${reason}`),
      style,
    ),
    ...section('warnings', warnings, style),
  ].join('\n')
}

/** Whether a change is more than none, as far as its interval tells. */
const shows = ({ ci }: { readonly ci: readonly [number, number] }) => ci[0] > 0 || ci[1] < 0

/** A table for the first model alone, or for each other model beside it. */
function heatTables({ models, corruptions, severities, metric }: RobustnessReport, style: Style): readonly string[] {
  const shown = models.length === 1 ? [0] : models.slice(1).map((_, i) => i + 1)
  return shown.flatMap((m) => [
    '',
    m === 0
      ? `${metric} by corruption and severity`
      : `${metric} of ${models[0]!.path}, and the change with ${models[m]!.path}`,
    textTable(
      [{ head: 'corruption' }, ...severities.map((severity) => ({ head: `severity ${severity}`, right: true }))],
      corruptions.map(({ name, cells }) => [
        name,
        ...cells.map(({ values, changes }) => {
          const value = values[0] === null ? '–' : values[0]!.toFixed(3)
          const change = changes[m]
          if (m === 0) return value
          if (!change) return `${value} ?`
          return `${value} ${signed(change.delta, 3).padStart(6)}${shows(change) ? '*' : ' '}`
        }),
      ]),
      style,
    ),
  ])
}

function calibration({ calibration: found, models }: RobustnessReport, style: Style): readonly string[] {
  if (!found) return []
  return [
    '',
    ...wrap(
      'what probabilities are worth (lower is better; a temperature of 1 needs no correcting; there: with scores divided by it)',
      style.width,
    ),
    textTable(
      [
        { head: 'model' },
        ...['ECE', 'equal mass', 'Brier', 'NLL', 'temperature', 'NLL there', 'ECE there'].map((head) => ({
          head,
          right: true,
        })),
      ],
      found.map((one, m) => [
        models[m]!.path,
        one.ece.toFixed(4),
        one.eceEqualMass.toFixed(4),
        one.brier.toFixed(4),
        one.nll.toFixed(4),
        one.temperature.toFixed(3),
        one.nllAtTemperature.toFixed(4),
        one.eceAtTemperature.toFixed(4),
      ]),
      style,
    ),
  ]
}

const FPR95 =
  'FPR95 out: ordinary rows flagged when 95 % of the strangers are (OpenOOD); in: strangers let through when 95 % of the ordinary rows are'

function detectors({ outOfDistribution: found, models }: RobustnessReport, style: Style): readonly string[] {
  if (!found) return []
  return [
    '',
    ...wrap(
      `telling ${plural(found.outRows, 'row')} of ${fileName(found.path)} from ${count(found.inRows)} of the data (${count(found.fitRows)} more fitted the distances)`,
      style.width,
    ),
    textTable(
      [
        { head: 'detector' },
        { head: 'model' },
        ...['AUROC', 'change', 'AUPR out', 'FPR95 out', 'FPR95 in'].map((head) => ({
          head,
          right: true,
        })),
      ],
      found.detectors.flatMap((detector) =>
        detector.models.map((score, m) => [
          detector.name,
          models[m]!.path,
          ...(score
            ? [
                score.auroc.toFixed(4),
                detector.changes[m]
                  ? `${signed(detector.changes[m].delta)} (p ${detector.changes[m].p.toPrecision(2)})`
                  : '',
                score.auprOut.toFixed(4),
                percent(score.fpr95OodPositive),
                percent(score.fpr95IdPositive),
              ]
            : ['–', '', '–', '–', '–']),
        ]),
      ),
      style,
    ),
    ...wrap(FPR95, style.width),
  ]
}

function brittleness({ brittleness: found, models }: RobustnessReport, style: Style): readonly string[] {
  if (!found) return []
  return [
    '',
    'answers that changed under the smallest changes of an input',
    textTable(
      [{ head: 'change' }, ...models.map((model) => ({ head: model.path, right: true }))],
      found.map((row) => [row.name, ...row.changed.map((share) => percent(share, 2))]),
      style,
    ),
  ]
}

/** How many scores there are: they are kept for other reports, not to be read. */
export function rowScores({ rows, models, metric }: RowScores): string {
  return `scores of ${plural(rows.length, 'row')} by ${plural(models.length, 'model')}${metric ? ` (${metric.name})` : ''}`
}
