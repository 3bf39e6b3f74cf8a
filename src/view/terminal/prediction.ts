import type { PredictionReport } from '../../report/index.ts'
import { count, fileName, plural } from '../words.ts'
import { section } from './section.ts'
import { paint, type Style } from './table.ts'

/** How many answers lie where, how fast they came, and what a row of them holds. */
export function prediction(report: PredictionReport, style: Style): string {
  const { rows, resumed, skipped, batch, rowsPerSecond } = report
  const shape = (dims: readonly (number | null)[]) =>
    dims.length === 0 ? '' : ` [${dims.map((dim) => dim ?? '?').join(', ')}]`
  return [
    paint('bold', `${plural(rows, 'answer')} of ${fileName(report.model.path)} in ${report.path}`, style),
    ...(resumed > 0 ? [`${plural(resumed, 'row')} had been done by an earlier run`] : []),
    `${rowsPerSecond === 0 ? 'nothing was left to run' : `${count(Math.round(rowsPerSecond))} rows a second`}, ${plural(batch, 'row')} a run`,
    ...(skipped > 0 ? [`${plural(skipped, 'row')} of ${fileName(report.data.path)} could not be used`] : []),
    `a row holds ${report.outputs.map(({ name, dtype, shape: dims }) => `${name} ${dtype}${shape(dims)}`).join(', ')}`,
    ...section('notes', report.notes, style),
  ].join('\n')
}
