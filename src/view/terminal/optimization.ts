import { type CandidateResult, type OptimizationReport, wrap } from '../../report/index.ts'
import { bytes, count, metricValue, ms, noiseHeard, percent, times } from '../words.ts'
import { candidateVerdict } from './candidate.ts'
import { section } from './section.ts'
import { headline, type Style, type TextColumn, textTable } from './table.ts'

interface Column extends TextColumn {
  readonly original: string
  cell(candidate: CandidateResult): string
}

/** The sentence, why this candidate, and all candidates with the original in the first line. */
export function optimization(report: OptimizationReport, style: Style): string {
  const columns = columnsOf(report)
  return [
    ...headline(report.sentence, style),
    ...wrap(report.chosen.reason, style.width),
    '',
    textTable(
      columns,
      [
        columns.map(({ original }) => original),
        ...report.candidates
          .filter((candidate) => candidate.id !== 'original')
          .map((candidate) => columns.map(({ cell }) => cell(candidate))),
      ],
      style,
    ),
    ...nearnessInWords(columns).flatMap((line) => wrap(line, style.width)),
    ...otherRows(report).flatMap((line) => wrap(line, style.width)),
    ...timedAgain(report).flatMap((line) => wrap(line, style.width)),
    '',
    ...wrap(
      `rows: ${count(report.rows.calibrate)} to calibrate, ${count(report.rows.select)} to select, ${count(report.rows.prove)} to prove`,
      style.width,
    ),
    // What the proof warns of holds for the model that is handed out.
    ...section('warnings', [...new Set([...report.warnings, ...(report.proof?.warnings ?? [])])], style),
  ].join('\n')
}

/** Where scores are of more or fewer rows, the higher is not the better. */
function otherRows({ baseline, candidates }: OptimizationReport): readonly string[] {
  // The original stands in its own line, whatever it is handed out for.
  const others = candidates.filter(({ id }) => id !== 'original')
  const scored = [baseline, ...others].filter(({ metric }) => metric !== null)
  if (new Set(scored.map(({ judgedRows }) => judgedRows)).size < 2) return []
  return [
    `${baseline.metricName} of different rows does not compare: few rows were enough to leave some candidates behind`,
  ]
}

/**
 * What is handed out was timed once more by itself, and the others were not: where one of them shows more speed, that is of
 * the moment when the choice was made, and so it is told what the chosen one had then.
 */
function timedAgain({ candidates, chosen }: OptimizationReport): readonly string[] {
  const winner = candidates.find(({ id }) => id === chosen.id)
  if (!winner?.ratioBefore || winner.speedup === null) return []
  const faster = candidates.some(
    ({ id, ratioBefore, speedup, verdict }) =>
      id !== chosen.id && !ratioBefore && verdict !== null && verdict !== 'regressed' && speedup! > winner.speedup!,
  )
  if (!faster) return []
  const before = times(1 / winner.ratioBefore.median)
  return [`▸ timed again before it was handed out; beside the others, when it was chosen, it had ${before}`]
}

/** What the goal and the limits are about has a column, whichever they are. */
function columnsOf({ baseline, candidates, chosen, goal, limits }: OptimizationReport): readonly Column[] {
  const right = true
  const scored = [baseline, ...candidates].some(({ metric }) => metric !== null)
  const only = (wanted: boolean, column: Column) => (wanted ? [column] : [])
  return [
    { head: 'candidate', original: 'original', cell: ({ id }) => `${id === chosen.id ? '▸ ' : ''}${id}` },
    { head: 'median', right, original: ms(baseline.p50Ms), cell: ({ p50Ms }) => ms(p50Ms) },
    { head: 'speed', right, original: '1×', cell: ({ speedup }) => times(speedup) },
    // On a machine that is paid by the hour an answer costs as much of the price as it takes of the time.
    ...only(goal === 'cost', {
      ...{ head: 'cost', right, original: '100 %' },
      cell: ({ ratio }) => (ratio ? percent(ratio.median, 0) : '–'),
    }),
    ...only(limits?.maxP99Ms !== undefined, {
      ...{ head: 'p99', right, original: ms(baseline.p99Ms) },
      cell: ({ p99Ms }) => ms(p99Ms),
    }),
    { head: 'size', right, original: bytes(baseline.bytes), cell: (candidate) => bytes(candidate.bytes) },
    ...only(goal === 'memory' || limits?.maxRssBytes !== undefined, {
      ...{ head: 'memory', right, original: bytes(baseline.peakRssBytes) },
      cell: ({ peakRssBytes }) => bytes(peakRssBytes),
    }),
    ...only(scored, {
      ...{ head: baseline.metricName, right, original: metricValue(baseline.metric), spare: true },
      cell: ({ metric }) => metricValue(metric),
    }),
    // Without labels it tells those apart that these rows cannot settle.
    ...only(!scored && candidates.some(isHeard), {
      ...{ head: nearnessHead(candidates), right, original: '', spare: true },
      cell: (candidate) => (isHeard(candidate) ? nearness(candidate) : '–'),
    }),
    // Scores of few rows and of many do not compare.
    {
      ...{ head: 'rows', right, original: rows(baseline.judgedRows), spare: true },
      cell: ({ judgedRows }) => rows(judgedRows),
    },
    {
      ...{ head: 'verdict', original: '', brief: firstWords },
      cell: (candidate) =>
        candidate.verdict === null
          ? (candidate.note ?? 'not judged')
          : candidateVerdict(candidate, candidate.id === chosen.id),
    },
  ]
}

const isHeard = ({ sqnrDb, identical, boxes }: CandidateResult) =>
  identical === true || typeof sqnrDb === 'number' || boxes !== undefined

const nearnessHead = (candidates: OptimizationReport['candidates']) =>
  candidates.some(({ boxes }) => boxes) ? 'boxes' : 'SQNR'

/** What the figures of that column mean, which its short head does not say. */
function nearnessInWords(columns: readonly Column[]): readonly string[] {
  const heads = columns.map(({ head }) => head)
  if (heads.includes('boxes')) return ['boxes: the share that is the same as with the original']
  return heads.includes('SQNR')
    ? ['SQNR: how large the outputs are beside what changed in them; 20 dB is ten times']
    : []
}

/** `51 %` of the boxes, or decibels. */
const nearness = ({ boxes, ...heard }: CandidateResult) =>
  boxes ? percent(Math.floor((100 * (boxes.compared - boxes.changed)) / boxes.compared) / 100, 0) : noiseHeard(heard)

const rows = (judged: number | undefined) => (judged === undefined ? '–' : count(judged))

/** `not faster than the original` → `not faster`, `not judged: …` → `not judged`: the report has it whole. */
const firstWords = (text: string) => text.split(/:| \(| than | as the | on selection /)[0]!
