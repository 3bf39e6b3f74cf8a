import { undecided } from '../recipe/index.ts'
import type { CandidateResult, OptimizationReport } from '../report/index.ts'
import { brokenLimit, type Goal, NOT_SLOWER } from './goal.ts'

/** What candidates are held against. */
export interface Original {
  readonly bytes: number
  /** Its figures, once it was timed. */
  readonly baseline: OptimizationReport['baseline'] | undefined
}

/** What limit the original breaks, or null: where it breaks one, keeping all of them is a gain by itself. */
export const brokenByOriginal = (goal: Goal, { baseline }: Original): string | null =>
  baseline ? brokenLimit(goal, { ...baseline, ratio: null }) : null

/**
 * Better in the goal than the original (for latency: not slower, by the interval), and within every limit. Where the
 * original breaks one, memory need not be less, and is not shown to be more.
 */
export function fitsGoal(goal: Goal, original: Original, candidate: CandidateResult): boolean {
  const { ratio, bytes } = candidate
  if (brokenLimit(goal, candidate)) return false
  if (goal.name === 'size') return bytes !== null && bytes < original.bytes
  if (goal.name === 'memory') return gainsMemory(goal, original, candidate)
  return ratio !== null && ratio.ci[1] < NOT_SLOWER
}

/**
 * Whether every process of the candidate stayed below every process of the original: two of the very same model differ
 * by some percent. Of three processes each that is one-sided 0.05 by rank (1 in 20 orders).
 */
function takesLessMemory({ baseline }: Original, { peakRssBytes, peakRssBytesRange }: CandidateResult): boolean {
  const most = peakRssBytesRange?.[1] ?? peakRssBytes
  const least = baseline?.peakRssBytesRange?.[0] ?? baseline?.peakRssBytes ?? null
  return most !== null && least !== null && most < least
}

/** Whether it takes less memory; where the original breaks a limit, whether nothing shows that it takes more. */
function gainsMemory(goal: Goal, original: Original, candidate: CandidateResult): boolean {
  if (brokenByOriginal(goal, original) === null) return takesLessMemory(original, candidate)
  const least = candidate.peakRssBytesRange?.[0] ?? candidate.peakRssBytes ?? null
  const most = original.baseline?.peakRssBytesRange?.[1] ?? original.baseline?.peakRssBytes ?? null
  return least !== null && most !== null && least <= most
}

/** Why a candidate is not worth rows, or null: not better than the original in the goal, or over a limit. */
export function whyHopeless(goal: Goal, original: Original, candidate: CandidateResult): string | null {
  const limit = brokenLimit(goal, candidate)
  return limit === null ? whyNoGain(goal, original, candidate) : `over the limit: ${limit}`
}

function whyNoGain(goal: Goal, original: Original, candidate: CandidateResult): string | null {
  const { id, ratio, bytes, note } = candidate
  if (id === 'lossless') return null
  if (goal.name === 'memory') {
    if (gainsMemory(goal, original, candidate)) return null
    return brokenByOriginal(goal, original) === null
      ? 'not shown to take less memory than the original'
      : 'takes more memory than the original'
  }
  if (goal.name === 'size') return bytes !== null && bytes < original.bytes ? null : 'not smaller than the original'
  // Nobody knows whether it is faster: why it was not timed is what there is to say.
  if (ratio === null) return note ?? 'not timed'
  if (brokenByOriginal(goal, original) !== null)
    return ratio.ci[1] < NOT_SLOWER ? null : 'not shown to be as fast as the original'
  if (ratio.ci[1] < 1) return null
  if (undecided(ratio)) return 'not shown to be faster than the original: the timing was disturbed'
  // A speed above 1 stands beside it, of which the interval holds 1.
  return ratio.median < 1 ? 'not shown to be faster than the original' : 'not faster than the original'
}
