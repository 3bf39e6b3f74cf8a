import { heard, keptWords, worstOutput } from '../evaluate/index.ts'
import { undecided } from '../recipe/index.ts'
import { type CandidateResult, type ComparisonReport, grouped, type OptimizationReport } from '../report/index.ts'
import { type GoalName, NOT_SLOWER } from './goal.ts'
import { rowsToProve } from './rows-to-prove.ts'

/** What the sentence tells of. */
export interface HandedOut {
  readonly chosen: CandidateResult
  readonly baseline: OptimizationReport['baseline']
  readonly proof: ComparisonReport | null
  readonly goal: GoalName
  /** Whether the proof rows were given by themselves. */
  readonly apart: boolean
  /** Whether there was no time to prove on all of them. */
  readonly late: boolean
  /** Which limit the original breaks, where it is handed out in spite of that. */
  readonly broken: string | null
  /** Whether any candidate keeps all limits. */
  readonly kept: boolean
}

/**
 * The whole answer in one sentence: how much faster, how much smaller, at what loss, and how sure. Memory is told where
 * it is the goal.
 */
export function sentenceOf(handedOut: HandedOut): string {
  const { chosen, baseline, goal, broken, kept } = handedOut
  if (chosen.id === 'original' && broken !== null)
    return kept
      ? 'What keeps the limits that were asked for may not be handed out, so the original is, which breaks them.'
      : 'Nothing keeps the limits that were asked for, so the original is handed out unchanged.'
  if (chosen.id === 'original') return 'Nothing better than the original was found, so it is handed out unchanged.'
  const memory = goal === 'memory' ? memoryWords(chosen.peakRssBytes, baseline.peakRssBytes) : null
  const [speed, size] = [speedWords(chosen), sizeWords(chosen.bytes, baseline.bytes)]
  const gains = [memory, speed, size].filter((words) => words !== null)
  const nothing = memory === null && speed === null && (size === null || size === UNCHANGED)
  const gain = nothing ? 'Neither faster nor smaller' : capital(gains.join(', '))
  return `${gain}${slowWords(chosen)}${lossWords(handedOut)}`
}

const UNCHANGED = 'the same size'

/** `3.1× faster`, or null where the interval does not lie wholly below 1; of one that says little, its safe end. */
function speedWords({ ratio }: Pick<CandidateResult, 'ratio'>): string | null {
  if (!ratio || ratio.ci[1] >= 1) return null
  return undecided(ratio) ? `at least ${timesOf(ratio.ci[1])} faster` : `${timesOf(ratio.median)} faster`
}

/** `3.1×`, for a ratio of times. */
export function timesOf(ratio: number): string {
  const speed = 1 / ratio
  return `${speed.toFixed(speed >= 2 ? 1 : 2)}×`
}

/** What a smaller file or less memory costs in time: said where more than a measurement could hide. */
function slowWords({ ratio }: Pick<CandidateResult, 'ratio'>): string {
  return ratio && ratio.ci[0] >= NOT_SLOWER ? `, but takes ${ratio.median.toFixed(2)}× as long` : ''
}

function sizeWords(bytes: number | null, original: number): string | null {
  if (bytes === null) return null
  const change = 1 - bytes / original
  if (Math.abs(change) < 0.005) return UNCHANGED
  return `${Math.abs(change * 100).toFixed(0)} % ${change > 0 ? 'smaller' : 'larger'}`
}

function memoryWords(bytes: number | null, original: number | null): string | null {
  if (bytes === null || original === null || bytes >= original) return null
  return `${(100 * (1 - bytes / original)).toFixed(0)} % less memory`
}

function lossWords({ chosen, proof, apart, late }: HandedOut): string {
  if (proof === null) return '; not judged.'
  const changed = proof.agreement ? `${grouped(proof.agreement.changed)} of ${grouped(proof.n)} answers changed` : null
  if (chosen.verdict === 'pass') {
    if (proof.measurablyWorse) return `, measurably worse but proven within the margin${changed ? `: ${changed}` : ''}.`
    return `, no measurable loss${changed ? `: ${changed}` : ''}.`
  }
  const worst = worstOutput({ outputs: heard(proof) })
  const noise =
    worst?.equal === undefined && !worst?.boxes
      ? worst && `signal to noise at least ${worst.sqnrDb!.toFixed(0)} dB`
      : `${worst.name} keeps ${keptWords(worst)}`
  const evidence = [changed, noise ?? null].filter((words) => words !== null)
  const wanted = rowsToProve(proof, apart)
  const more = late
    ? '; more time (--time) proves on more of them'
    : wanted !== null
      ? `; ${wanted} would settle it`
      : // More rows like these prove nothing.
        proof.labelled
        ? ''
        : '; only labels or a metric could prove it'
  return `; close to the original but not proven on ${grouped(proof.n)} ${proof.n === 1 ? 'row' : 'rows'}${evidence.length > 0 ? ` (${evidence.join(', ')})` : ''}${more}.`
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
