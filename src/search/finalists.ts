import type { Odds } from '../evaluate/index.ts'
import { whatCounts } from './assurance.ts'
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
  /** Whether the last two of the sequence share α instead, so that the failure of one does not end the other. */
  readonly shared: boolean
  /** Where nothing that gains can be proven, the best of these that stays close is handed out; worst in the goal first. */
  readonly standby: readonly Contender[]
  /** Where none of those stays close either, these are proven one by one until one does; the best expectation first. */
  readonly reserve: readonly Contender[]
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
 * safer one in front is an insurance, and one that is not safe enough a risk. Where that risk is too dear, the last two
 * share α (Hochberg 1988): both pass where both do at α, and one alone where it does at half of it. That keeps α where
 * tests depend on each other positively (Sarkar, Chang 1997), as those of two forms of one model on the same rows do. Of
 * all of these the one with the best expected outcome is taken, again before the proof rows are looked at.
 *
 * @param limit The most in either list.
 * @param before The goal's figure of what is handed out where none of them is.
 * @param provenOnly Whether what is only close is never handed out: then odds of a pass alone count, however small, and
 *   nothing stands by.
 */
export function finalists(
  contenders: readonly Contender[],
  limit: number,
  before: number,
  provenOnly = false,
): Finalists {
  const ordered = byPreference(contenders).slice(0, COMBINED).reverse()
  const values = gains(ordered, before)
  const odds = ordered.map((contender) => contender.odds)
  const best = (expected: (chosen: readonly number[]) => number) => bestOf(ordered.length, limit, expected)
  const named = (places: readonly number[]) => places.map((place) => ordered[place]!)
  const alone = (chosen: readonly number[]) => expectedOfSequence(chosen, values, odds, 0)
  const shared = (chosen: readonly number[]) =>
    chosen.length < 2 ? Number.NEGATIVE_INFINITY : expectedOfSequence(chosen, values, odds, 2)
  const toPass = () => {
    const [one, other] = [best(alone), best(shared)]
    const shares = shared(other) > alone(one) + TIE
    return { sequence: named(shares ? other : one), shared: shares }
  }
  if (provenOnly) return { ...toPass(), standby: [], reserve: [] }
  const standby = named(
    best((chosen) => expectedOfBest(chosen, values, (place) => odds[place]!.close) - WORTH_A_PROOF * chosen.length),
  )
  const expectedOf = (place: number) => odds[place]!.close * values[place]!
  const reserve = named(
    ordered
      .map((_, place) => place)
      .filter((place) => !standby.includes(ordered[place]!) && expectedOf(place) > 0)
      .sort((one, other) => expectedOf(other) - expectedOf(one))
      .slice(0, limit),
  )
  // Without hope of a pass, as with few rows, the proof says at least how many would settle it, and whoever may stay close
  // comes first. However unlikely that is: nothing is left undone for it, since all on standby are proven in the end, and
  // a pass by luck is nothing to choose by. Where nothing stays close either, luck is all there is.
  if (whatCounts(odds) === 'close' && odds.some(({ close }) => close > 0))
    return { sequence: standby, shared: false, standby, reserve }
  return { ...toPass(), standby, reserve }
}

/** What each saves, as a logarithm, so that half of half counts twice; of a tie the preferred one by a trace more. */
function gains(ordered: readonly Contender[], before: number): readonly number[] {
  let last = 0
  return ordered.map(({ figure }) => {
    last = Math.max(Math.log(before / figure), last + 1e-6)
    return last
  })
}

/** All of the first ones must pass for a later one to count, but for the last two where these share α. */
function expectedOfSequence(
  chosen: readonly number[],
  values: readonly number[],
  odds: readonly Odds[],
  sharing: 0 | 2,
): number {
  let [reached, had, expected] = [1, 0, 0]
  for (const place of chosen.slice(0, chosen.length - sharing)) {
    const { pass } = odds[place]!
    expected += reached * (1 - pass) * had
    reached *= pass
    had = values[place]!
  }
  if (sharing === 0) return expected + reached * had
  const [slow, fast] = chosen.slice(-2) as [number, number]
  const [one, other] = [odds[slow]!, odds[fast]!]
  const fastPasses = other.passAtHalf + (other.pass - other.passAtHalf) * one.pass
  const slowAlone = one.passAtHalf * (1 - other.pass)
  const gained = fastPasses * (values[fast]! - had) + slowAlone * (values[slow]! - had)
  return expected + reached * (had + gained)
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
