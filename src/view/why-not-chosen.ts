import type { CandidateResult, OptimizationReport } from '../report/index.ts'
import { count, percent } from './words.ts'

/** Why a candidate that was built is not what is handed out; null where the reason of the choice says all there is. */
export function whyNotChosen(candidate: CandidateResult, report: OptimizationReport): string | null {
  const { note, verdict, grade, provedRows } = candidate
  const winner = report.candidates.find(({ id }) => id === report.chosen.id)
  if (note && !tellsOfTiming(note)) return note
  if (verdict === null) return 'it was not judged'
  if (verdict === 'regressed') return `the rows show that it loses more than the margin of ${report.margin}`
  if (verdict === 'inconclusive' && grade === null)
    return 'the rows show neither that it is as good nor that it is close'
  if (!winner || winner.id === 'original')
    return provedRows === undefined ? 'it was not among those that the proof rows were spent on' : null
  const [own, other] = [figureOf(candidate, report), figureOf(winner, report)]
  if (own === null || other === null || own < CLEARLY * other)
    return `${winner.id} was safer on the selection rows${rowsOf(winner)}, and what is safer is proven first`
  const { ratioBefore, ratio } = winner
  // What is told of the winner's time is of another moment than what chose it.
  if (
    ratioBefore &&
    ratio &&
    candidate.ratio &&
    !candidate.ratioBefore &&
    report.goal !== 'size' &&
    report.goal !== 'memory' &&
    candidate.ratio.median <= ratio.median
  )
    return `when ${winner.id} was chosen it took ${share(ratioBefore)} of the original's time and this one ${share(candidate.ratio)}, ${own <= other ? 'a tie' : 'better in the goal'}; timed again alone before it was handed out it took ${share(ratio)}`
  if (own <= other) return `${winner.id} is as good within the error of measuring, and was preferred`
  return `${winner.id} is better in the goal (${report.goal})`
}

const rowsOf = ({ judgedRows }: CandidateResult) => (judgedRows === undefined ? '' : ` (${count(judgedRows)})`)

/** Beyond this a difference in the goal is no tie, as in the search. */
const CLEARLY = 0.9
const share = ({ median }: { readonly median: number }) => percent(median, 0)

/** By which the choice was made: times as they were then. */
function figureOf(candidate: CandidateResult, { goal }: OptimizationReport): number | null {
  if (goal === 'size') return candidate.bytes
  return goal === 'memory' ? candidate.peakRssBytes : ((candidate.ratioBefore ?? candidate.ratio)?.median ?? null)
}

/** That a time was measured on a sibling decides nothing. */
export const tellsOfTiming = (note: string): boolean => note.startsWith('time as measured')

/** What held it back for a while; of what is handed out in the end that would be no reason. */
export const tellsOfRank = (note: string): boolean => /^(?:not )?judged /.test(note)
