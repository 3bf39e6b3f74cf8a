import type { Odds } from '../recipe/index.ts'
import { byPreference, type Standing } from './preference.ts'

/** A candidate that the selection rows allow, with what orders it. */
export interface Contender extends Standing {
  readonly id: string
  /** What the selection rows foretell of the proof. */
  readonly odds: Odds
}

/** Those that may touch the proof rows. */
export interface Finalists {
  /** Tested in this order, each at α, each better in the goal than the one before. */
  readonly sequence: readonly Contender[]
  /** Where nothing that gains can be proven, the best of these that stays close is handed out; worst in the goal first. */
  readonly standby: readonly Contender[]
}

/** What one more on standby must be expected to bring, in logarithms of the goal's figure, to be worth its proof. */
const WORTH_A_PROOF = 0.005
/** More contenders than these are not combined: the better in the goal are taken. */
const COMBINED = 16
/** Expectations that differ by less are the same. */
const TIE = 1e-9

/**
 * Chooses the finalists. The sequence stops at the first that does not pass and the last that passed is handed out
 * (fixed-sequence procedure: Maurer, Hothorn, Lehmacher 1995), which keeps the probability of handing out any truly
 * worse model at α however many are tested, provided that the order is settled before the proof rows are looked at. So a
 * safer one in front is an insurance, and one that is not safe enough a risk: of all sequences the one with the best
 * expected outcome is taken.
 *
 * @param limit The most in either list.
 * @param before The goal's figure of what is handed out where none of them is.
 */
export function finalists(contenders: readonly Contender[], limit: number, before: number): Finalists {
  const ordered = byPreference(contenders).slice(0, COMBINED).reverse()
  const values = gains(ordered, before)
  const pass = (place: number) => ordered[place]!.odds.pass
  const close = (place: number) => ordered[place]!.odds.close
  const best = (expected: (chosen: readonly number[]) => number) =>
    bestOf(ordered.length, limit, expected).map((place) => ordered[place]!)
  const standby = best((chosen) => expectedOfBest(chosen, values, close) - WORTH_A_PROOF * chosen.length)
  // Where nothing can pass, as with few rows, the proof says at least how many would settle it.
  const sequence = ordered.some(({ odds }) => odds.pass > 0)
    ? best((chosen) => expectedOfSequence(chosen, values, pass))
    : standby
  return { sequence, standby }
}

/** What each saves, as a logarithm, so that half of half counts twice; of a tie the preferred one by a trace more. */
function gains(ordered: readonly Contender[], before: number): readonly number[] {
  let last = 0
  return ordered.map(({ figure }) => {
    last = Math.max(Math.log(before / figure), last + 1e-6)
    return last
  })
}

/** All of the first ones must pass for a later one to count. */
function expectedOfSequence(
  chosen: readonly number[],
  values: readonly number[],
  odds: (place: number) => number,
): number {
  let [reached, had, expected] = [1, 0, 0]
  for (const place of chosen) {
    const passes = odds(place)
    expected += reached * (1 - passes) * had
    reached *= passes
    had = values[place]!
  }
  return expected + reached * had
}

/** The best of those that stay close counts. */
function expectedOfBest(chosen: readonly number[], values: readonly number[], odds: (place: number) => number): number {
  let [open, expected] = [1, 0]
  for (const place of [...chosen].reverse()) {
    expected += open * odds(place) * values[place]!
    open *= 1 - odds(place)
  }
  return expected
}

/** Of at most `limit` of `count` places those with the best expectation; where two choices tie, fewer and later ones. */
function bestOf(count: number, limit: number, expected: (chosen: readonly number[]) => number): readonly number[] {
  let [best, most]: [readonly number[], number] = [[], Number.NEGATIVE_INFINITY]
  const visit = (chosen: readonly number[], from: number) => {
    if (chosen.length > 0) {
      const value = expected(chosen)
      const tie = Math.abs(value - most) <= TIE
      if (tie ? chosen.length <= best.length : value > most) [best, most] = [chosen, value]
    }
    if (chosen.length < limit) for (let place = from; place < count; place++) visit([...chosen, place], place + 1)
  }
  visit([], 0)
  return best
}
