import type { ComparisonReport, GateCheck } from '../../report/index.ts'
import { count, fileName, metricValue, percent, plural, signed } from '../words.ts'
import { checksOf, gateSentence, verdictOfAll } from './checks.ts'

const SIGN: Readonly<Record<string, string>> = { pass: '✅', regressed: '❌', inconclusive: '❔' }
/** Rows that a comment shows; the report has them all. */
const MOST_FLIPS = 10

/** A comparison as a comment for a pull request: the answer first, then the checks, then where it hurts. */
export function renderMarkdown(report: ComparisonReport): string {
  const verdict = verdictOfAll(report)
  const title = report.models
    ? `${fileName(report.models.candidate)} against ${fileName(report.models.base)}`
    : report.metric
  const checks = checksOf(report)
  const worst = (report.classes ?? []).filter((slice) => slice.verdict === 'regressed')
  const hidden = (report.mined?.slices ?? []).filter((slice) => slice.verdict === 'regressed')
  return `${[
    `### ${SIGN[verdict]} ${verdict}: ${plain(title)}`,
    ...(report.gate ? [plain(gateSentence(report.gate))] : []),
    plain(report.sentence),
    ...(report.story ?? []).map((paragraph) => `> ${plain(paragraph)}`),
    table(['', 'check', 'limit', 'measured'], checks.map(line)),
    ...(worst.length + hidden.length > 0
      ? [
          table(
            ['regressed', 'rows', 'before', 'after', 'at worst'],
            [...worst.map((slice) => ({ ...slice, name: `class ${slice.name}` })), ...hidden].map((slice) => [
              slice.name,
              count(slice.n),
              metricValue(slice.base),
              metricValue(slice.candidate),
              slice.lowerBound === null ? '–' : signed(slice.lowerBound),
            ]),
          ),
        ]
      : []),
    ...flips(report),
    ...(report.warnings.length > 0 ? [report.warnings.map((warning) => `- ${plain(warning)}`).join('\n')] : []),
  ].join('\n\n')}\n`
}

function line(check: GateCheck): readonly string[] {
  const word = check.verdict === 'inconclusive' && !check.blocks ? ' (does not block)' : ''
  return [SIGN[check.verdict]!, `\`${check.id.replaceAll('`', "'")}\`${word}`, check.limit, check.measured]
}

function flips({ flips: all = [], flipRates }: ComparisonReport): readonly string[] {
  const lost = all.filter(({ direction }) => direction !== 'gained')
  if (lost.length === 0) return []
  const number = Math.max(lost.length, flipRates?.negative.count ?? 0)
  const rows = lost
    .slice(0, MOST_FLIPS)
    .map((flip) => [
      flip.id ?? String(flip.row),
      flip.label ?? '–',
      answer(flip.base, flip.confidence?.base),
      answer(flip.candidate, flip.confidence?.candidate),
    ])
  return [
    `<details><summary>${rows.length < number ? `${count(rows.length)} of ` : ''}${plural(number, 'row')} that changed for the worse</summary>\n\n${table(['row', 'right', 'before', 'after'], rows)}\n\n</details>`,
  ]
}

const answer = (text: string, confidence: number | undefined) =>
  confidence === undefined ? text : `${text} (${percent(confidence, 0)})`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => plain(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [row(head), `|${head.map(() => '-').join('|')}|`, ...rows.map(row)].join('\n')
}

/** No line breaks, and no HTML from names in the data. */
const plain = (text: string) => text.replace(/\s+/g, ' ').replaceAll('<', '&lt;')
