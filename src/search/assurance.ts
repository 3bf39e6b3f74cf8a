import type { Odds } from '../evaluate/index.ts'

/**
 * What odds on the proof rows, foretold from the selection rows, are good for: one scale, each step with what may be left
 * undone from there on.
 *
 * - `hope`, 1/20: what is just as bad as the margin allows passes so often, by luck, at the usual α. Odds no greater are no
 *   hope of a pass, and it is staying close that counts.
 * - `likely`, 1/2: more often than not. Worth its timing though it is not secure, since something else stands by.
 * - `secure`, 4/5: the power that tests are commonly planned for. Nothing safer is looked for.
 * - `sure`, 9/10: an insurance, which takes a build and a timing, would be handed out in less than one search of ten.
 * - `certain`, 0.97: of staying close by the noise on a few rows, which other rows undo more easily than answers.
 */
const ODDS = { hope: 1 / 20, likely: 1 / 2, secure: 4 / 5, sure: 9 / 10, certain: 0.97 } as const

/** By so much odds must be better to outweigh decibels, of which more rows tell nearly the same, or time. */
const LIKELIER = 0.1

/** Whether odds, of a pass or of staying close, are as good as that or better. */
export const isLikely = (odds: number): boolean => odds >= ODDS.likely
export const isSecure = (odds: number): boolean => odds >= ODDS.secure
export const isSure = (odds: number): boolean => odds >= ODDS.sure
export const isCertain = (odds: number): boolean => odds >= ODDS.certain

/** Whether odds are so much better than others that it is worth something else. */
export const isLikelier = (odds: number, others: number): boolean => odds > others + LIKELIER

/** Whether there is hope of a pass on the proof rows; else it must be close there. */
export const mayPass = ({ pass }: Pick<Odds, 'pass'>): boolean => pass > ODDS.hope

/** What decides between candidates: their odds of a pass, where there is hope of one for any of them, or of staying close. */
export const whatCounts = (candidates: readonly Pick<Odds, 'pass'>[]): 'pass' | 'close' =>
  candidates.some(mayPass) ? 'pass' : 'close'
