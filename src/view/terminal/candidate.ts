import type { CandidateResult, OptimizationReport } from '../../report/index.ts'
import { whyNotChosen } from '../why-not-chosen.ts'
import { boxesKept, bytes, decibels, metricValue, ms, passedUnproven, plural, times, UNPROVEN_PASS } from '../words.ts'
import { verdictWord } from './table.ts'

/** Every name that a search knows of the models that it looked at. */
export const candidateNames = ({ candidates }: OptimizationReport): readonly string[] => [
  ...new Set(['original', ...candidates.flatMap(({ id, alsoMadeAs = [] }) => [id, ...alsoMadeAs])]),
]

/**
 * What a report tells of a candidate that was not built for want of time, or was refused: what was left out and the
 * warnings that name it; null where nothing does.
 */
export function explainLeftOut(report: OptimizationReport, id: string): string | null {
  const { warnings, leftOut = [], chosen } = report
  // As a name in a list or of what was not done, and not as a word of a sentence.
  const named = new RegExp(`(^|[:;,] |\\b(for|of|judging|proving|timing|training) )${escaped(id)}(?![\\w-])`)
  const told = [
    ...leftOut.filter((text) => named.test(text)).map((text) => `there was no time for ${text}`),
    ...warnings.filter((text) => named.test(text)),
  ]
  if (told.length === 0) return null
  return [
    `${id} is none of the candidates that were compared:`,
    ...told,
    `Chosen: ${chosen.id}. ${chosen.reason}`,
  ].join('\n')
}

const escaped = (text: string) => text.replace(/[^\w\s]/g, '\\$&')

/** Why a candidate of a search was, or was not, chosen: what it is, what was measured of it, and what decided. */
export function explainCandidate(report: OptimizationReport, id: string): string {
  const { chosen, baseline, candidates } = report
  const same = candidates.find(({ alsoMadeAs }) => alsoMadeAs?.includes(id))
  if (same) return `${id} came out as the same model as ${same.id}.\n${explainCandidate(report, same.id)}`
  const find = (wanted: string) => report.candidates.find((candidate) => candidate.id === wanted)
  const candidate = find(id)
  const winner = find(chosen.id)
  const lines = candidate
    ? [`${id}: ${candidate.recipe}`, `Measured: ${figures(candidate, report)}.`]
    : [`${id}: the file as it came`, `Measured: ${ms(baseline.p50Ms)}, ${bytes(baseline.bytes)}.`]
  if (id === chosen.id) return [...lines, `It was chosen. ${chosen.reason}`].join('\n')
  return [
    ...lines,
    `It was not chosen: ${candidate ? (whyNotChosen(candidate, report) ?? 'see below') : 'something better was found'}.`,
    `Chosen: ${chosen.id}${winner && winner.id !== 'original' ? `, ${figures(winner, report)}` : ''}. ${chosen.reason}`,
  ].join('\n')
}

/** Its verdict, and whether the rows were those that prove. */
export const candidateVerdict = (candidate: CandidateResult, chosen: boolean): string =>
  passedUnproven(candidate, chosen)
    ? UNPROVEN_PASS
    : verdictWord(candidate.verdict, candidate.grade, { color: false, width: 0 })

function figures(candidate: CandidateResult, { baseline, chosen, goal, limits }: OptimizationReport): string {
  const { p50Ms, speedup, p99Ms, peakRssBytes, metric, judgedRows, sqnrDb, verdict, identical, boxes } = candidate
  return [
    p50Ms === null ? 'not timed' : `${ms(p50Ms)} (${times(speedup)} the speed of the original)`,
    ...(limits?.maxP99Ms !== undefined && p99Ms !== undefined ? [`${ms(p99Ms)} at p99`] : []),
    bytes(candidate.bytes),
    ...(goal === 'memory' || limits?.maxRssBytes !== undefined ? [`${bytes(peakRssBytes)} of memory`] : []),
    ...(metric === null || judgedRows === undefined
      ? []
      : [`${baseline.metricName} ${metricValue(metric)} on ${plural(judgedRows, 'selection row')}`]),
    ...(identical ? ['outputs identical'] : []),
    ...(judgedRows === undefined || sqnrDb === null
      ? []
      : [boxes ? boxesKept(boxes) : `signal to noise ${decibels(sqnrDb)}`]),
    ...(verdict === null ? [] : [candidateVerdict(candidate, candidate.id === chosen.id)]),
  ].join(', ')
}
