import type { Odds } from '../evaluate/index.ts'

/**
 * What may be left undone at which odds: a scale for the odds on the proof rows, which are estimated from the selection
 * rows.
 *
 * - `hope`, 1/20: how often a candidate that is just as bad as the margin allows passes by luck, at the usual α. At
 * such   odds a pass is not to be hoped for, and staying close is what counts.
 * - `likely`, 1/2: more often than not. Worth timing though not secure, since there is something to fall back on.
 * - `secure`, 4/5: the power that tests are commonly planned for. Nothing safer is looked for.
 * - `sure`, 9/10: a safer one in reserve, which costs a build and a timing, would be used in less than one search of
 * ten.
 * - `certain`, 0.97: for staying close, judged by noise on a few rows, which other rows refute more easily than
 * answers.
 */
const ODDS = { hope: 1 / 20, likely: 1 / 2, secure: 4 / 5, sure: 9 / 10, certain: 0.97 } as const

/** How much better odds must be to outweigh time, or decibels, which more rows hardly change. */
const LIKELIER = 0.1

/** Each is for odds of a pass or of staying close. */
export const isLikely = (odds: number): boolean => odds >= ODDS.likely
export const isSecure = (odds: number): boolean => odds >= ODDS.secure
export const isSure = (odds: number): boolean => odds >= ODDS.sure
export const isCertain = (odds: number): boolean => odds >= ODDS.certain

/** Whether odds are better than others by enough to decide. */
export const isLikelier = (odds: number, others: number): boolean => odds > others + LIKELIER

/** Whether a pass on the proof rows can be hoped for; otherwise it must stay close there. */
export const mayPass = ({ pass }: Pick<Odds, 'pass'>): boolean => pass > ODDS.hope

/** Which odds decide between candidates: of a pass, where any of them has hope of one, else of staying close. */
export const whatCounts = (candidates: readonly Pick<Odds, 'pass'>[]): 'pass' | 'close' =>
  candidates.some(mayPass) ? 'pass' : 'close'
