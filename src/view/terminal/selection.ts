import { type SelectionReport, wrap } from '../../report/index.ts'
import { gateSentence } from '../pipeline/checks.ts'
import { bytes, fileName, GATE_WORDS, metricValue, ms, plural, times } from '../words.ts'
import { section } from './section.ts'
import { headline, type Style, textTable } from './table.ts'

/** The sentence, all models with their gates, and why the others were not admitted. */
export function selection(report: SelectionReport, style: Style): string {
  const refused = report.models.filter(({ admitted }) => !admitted)
  return [
    ...headline(report.sentence, style),
    ...wrap(
      `${report.metric} on ${plural(report.n, 'row')}; ${plural(report.threads, 'thread')}, ${report.cpu}`,
      style.width,
    ),
    '',
    textTable(
      [
        { head: 'model' },
        { head: 'gates' },
        { head: report.metric, right: true },
        { head: 'median', right: true },
        { head: 'against first', right: true },
        { head: 'size', right: true },
        { head: 'memory', right: true },
        { head: 'front' },
      ],
      report.models.map((model) => [
        `${model.path === report.chosen?.path ? '▸ ' : '  '}${model.path}`,
        model.gates.map(({ verdict }) => GATE_WORDS[verdict]).join(', '),
        metricValue(model.metric),
        ms(model.p50Ms),
        model.ratio === null ? '–' : times(1 / model.ratio.median),
        bytes(model.bytes),
        bytes(model.peakRssBytes),
        model.onFront ? 'yes' : '',
      ]),
      style,
    ),
    ...section(
      'not admitted',
      refused.flatMap(({ path, gates }) =>
        gates
          .filter(({ verdict }) => verdict !== 'pass')
          .map((gate) => `${path}${gates.length > 1 ? `, ${fileName(gate.file)}` : ''}: ${gateSentence(gate)}`),
      ),
      style,
    ),
    ...section('warnings', report.warnings, style),
  ].join('\n')
}
