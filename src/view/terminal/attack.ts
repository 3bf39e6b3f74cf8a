import { type AttackReport, wrap } from '../../report/index.ts'
import { count, percent, plural, signed } from '../words.ts'
import { section } from './section.ts'
import { headline, paint, type Style, textTable } from './table.ts'

type Stand = Pick<AttackReport, 'clean' | 'robust' | 'byAttack' | 'gradient' | 'alarms'>

const GRADIENTS = {
  exact: 'exact',
  'straight-through': 'straight-through (rounding counts as the identity)',
  none: 'none',
} as const

/** The sentence, the rows that stay right under each attack, and what makes the attack doubtful. */
export function attack(report: AttackReport, style: Style): string {
  const { against, paired } = report
  const stands: readonly (readonly [string, Stand])[] = [
    [report.model.path, report],
    ...(against ? [[against.path, against] as const] : []),
  ]
  const names = [...new Set(stands.flatMap(([, stand]) => Object.keys(stand.byAttack)))]
  const share = (correct: number, n: number) => `${count(correct)} (${percent(n === 0 ? 0 : correct / n)})`
  const row = (head: string, cell: (stand: Stand) => string) => [head, ...stands.map(([, stand]) => cell(stand))]
  return [
    ...headline(report.sentence, style),
    ...wrap(
      `${report.norm === 'linf' ? 'L∞' : 'L2'} radius ${report.eps}, values within [${report.range.join(', ')}] (from the ${report.rangeFrom}), seed ${report.seed}`,
      style.width,
    ),
    '',
    textTable(
      [{ head: 'rows right' }, ...stands.map(([path]) => ({ head: path, right: true }))],
      [
        row('untouched', ({ clean }) => share(clean.correct, clean.n)),
        ...names.map((name) =>
          row(name, ({ byAttack, robust }) => (byAttack[name] ? share(byAttack[name].correct, robust.n) : '–')),
        ),
        row('after all', ({ robust }) => share(robust.correct, robust.n)),
      ],
      style,
    ),
    '',
    ...[
      ...stands.map(([path, { gradient }]) => `gradient of ${path}: ${GRADIENTS[gradient]}`),
      ...(paired && against
        ? [
            `${plural(paired.candidateOnly, 'row stays', 'rows stay')} right only with ${report.model.path}, ${count(paired.baseOnly)} only with ${against.path}: a difference of ${signed(paired.difference)} of the rows (${percent(1 - paired.alpha, 0)} interval ${signed(paired.ci[0])} to ${signed(paired.ci[1])})`,
          ]
        : []),
    ].flatMap((line) => wrap(line, style.width)),
    ...section(
      paint('red', 'alarms', style),
      stands.flatMap(([path, { alarms }]) => alarms.map((alarm) => `${path}: ${alarm}`)),
      style,
    ),
    ...section('warnings', report.warnings, style),
  ].join('\n')
}
