import {
  type ComparisonReport,
  type GateCheck,
  type MinedSlices,
  rowsWanted,
  type SliceResult,
  wrap,
} from '../../report/index.ts'
import { gateSentence, verdictOfAll } from '../pipeline/checks.ts'
import { atWorst, count, metricValue, percent, plural, repeats, signed } from '../words.ts'
import { section } from './section.ts'
import { headline, type Style, textTable } from './table.ts'

/** Rows that changed, of those that a report holds, that fit a screen. */
const MOST_FLIPS = 8

/** The verdict first, why, the figures behind it, and the groups and rows that changed. */
export function comparison(report: ComparisonReport, style: Style): string {
  const { mined, classes = [], gaps = [], gate, story = [] } = report
  const found = figures(report)
  return [
    ...(gate ? headline(gateSentence(gate), style, { verdict: verdictOfAll(report) }) : []),
    ...headline(report.sentence, style, report),
    ...(gate ? ['', gateTable(gate.checks, style)] : []),
    '',
    ...story.map((paragraph) => wrap(paragraph, style.width).join('\n')),
    ...(found.length > 0 ? ['', ...found] : []),
    ...(report.slices.length > 0 ? ['', sliceTable('slice', report.slices, style)] : []),
    ...(classes.length > 0 && classes.length <= 20 && !repeats(classes, report.slices)
      ? ['', sliceTable('class', classes, style)]
      : []),
    ...(mined && mined.slices.length > 0 ? ['', minedTable(mined.slices, style)] : []),
    ...section(
      'gaps between groups',
      gaps.map(
        (gap) =>
          `${gap.field}: ${metricValue(gap.base)} → ${metricValue(gap.candidate)}, change ${signed(gap.change)} (${signed(gap.ci[0])} to ${signed(gap.ci[1])})`,
      ),
      style,
    ),
    ...flippedRows(report, style),
    ...section('warnings', report.warnings, style),
  ].join('\n')
}

/** The metric, what changed in which direction, and how far it may have fallen: a line each, where it was measured. */
function figures(report: ComparisonReport): readonly string[] {
  const { nonInferiority, agreement, nextTokens, flipRates, discordant, errorRatio } = report
  const wanted = rowsWanted(report)
  return [
    ...(report.base.value === null && report.candidate.value === null
      ? []
      : [
          `${report.metric} on ${plural(report.n, 'row')}: ${metricValue(report.base.value)} → ${metricValue(report.candidate.value)}`,
        ]),
    ...(flipRates
      ? [
          `answers lost: ${count(flipRates.negative.count)} (at most ${percent(flipRates.negative.upperBound, 2)}), gained: ${count(flipRates.positive.count)}`,
        ]
      : discordant
        ? [`right only before: ${count(discordant.baseOnly)}, only after: ${count(discordant.candidateOnly)}`]
        : []),
    ...(errorRatio?.ratio !== null && errorRatio?.ratio !== undefined
      ? [
          `mistakes: ${percent(errorRatio.base, 2)} → ${percent(errorRatio.candidate, 2)}, ${errorRatio.ratio.toFixed(2)} times as many`,
        ]
      : []),
    ...(nonInferiority
      ? [
          `change at worst ${atWorst(report)} (margin ${signed(-nonInferiority.margin)}, one-sided ${percent(1 - report.alpha, 0)})`,
        ]
      : []),
    ...(agreement ? [`same top answer: ${percent(agreement.rate, 2)}`] : []),
    ...(nextTokens
      ? [`same most likely next token: ${percent(nextTokens.rate, 2)} of ${count(nextTokens.places)} places`]
      : []),
    ...(wanted === null ? [] : [`about ${wanted} would settle it`]),
  ]
}

function gateTable(checks: readonly GateCheck[], style: Style): string {
  return textTable(
    [{ head: 'check' }, { head: 'verdict' }, { head: 'measured', wrap: true }],
    checks.map((check) => [
      check.id,
      `${check.verdict}${check.verdict === 'inconclusive' && !check.blocks ? ' (allowed)' : ''}`,
      `${check.measured} (asked: ${check.limit})`,
    ]),
    style,
  )
}

const sliceTable = (what: string, slices: readonly SliceResult[], style: Style): string =>
  groupTable(
    [what, 'rows', 'at worst'],
    slices.map((slice) => [slice, slice.lowerBound === null ? '–' : signed(slice.lowerBound)]),
    style,
  )

const minedTable = (slices: MinedSlices['slices'], style: Style): string =>
  groupTable(
    ['hidden group', 'fresh rows', 'p'],
    slices.map((slice) => [slice, slice.adjustedP.toPrecision(2)]),
    style,
  )

/** A line for each group: its rows, the metric before and after, and the figure that its verdict comes from. */
function groupTable(
  [group, rows, figure]: readonly [group: string, rows: string, figure: string],
  groups: readonly (readonly [Pick<SliceResult, 'name' | 'n' | 'base' | 'candidate' | 'verdict'>, string])[],
  style: Style,
): string {
  const right = true
  return textTable(
    [
      { head: group },
      { head: rows, right },
      { head: 'before', right },
      { head: 'after', right },
      { head: figure, right },
      { head: 'verdict' },
    ],
    groups.map(([{ name, n, base, candidate, verdict }, shown]) => [
      name,
      count(n),
      metricValue(base),
      metricValue(candidate),
      shown,
      verdict,
    ]),
    style,
  )
}

function flippedRows({ flips = [], flipRates }: ComparisonReport, style: Style): readonly string[] {
  const worse = flips.filter(({ direction }) => direction !== 'gained')
  if (worse.length === 0) return []
  const rows = worse.slice(0, MOST_FLIPS)
  const more = Math.max(worse.length, flipRates?.negative.count ?? 0) - rows.length
  return [
    '',
    textTable(
      [{ head: 'row that changed' }, { head: 'right' }, { head: 'before' }, { head: 'after' }],
      rows.map((flip) => [flip.id ?? String(flip.row), flip.label ?? '–', flip.base, flip.candidate]),
      style,
    ),
    ...(more > 0 ? [`… and ${count(more)} more (-o report.html shows more of them)`] : []),
  ]
}
