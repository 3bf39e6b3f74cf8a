import { byPreference, type Standing } from './preference.ts'

/** A candidate that the selection rows allow, with what orders it. */
export interface Contender extends Standing {
  readonly id: string
  /** How safe it looked on the selection rows; larger is safer. */
  readonly safety: number
}

/**
 * The candidates that may touch the proof rows, safest first, each better in the goal than the one before.
 *
 * They are tested in this order, each at α, and testing stops at the first that does not pass (fixed-sequence
 * procedure: Maurer, Hothorn, Lehmacher 1995), which keeps the probability of handing out any truly worse model at α
 * however many are tested. The last that passed is the best one.
 */
export function finalists(contenders: readonly Contender[], limit: number): readonly Contender[] {
  const safest = [...contenders].sort((a, b) => b.safety - a.safety || (a.id < b.id ? -1 : 1))
  const byGoal = byPreference(safest)
  const chain: Contender[] = []
  for (const contender of byGoal) {
    const last = chain.at(-1)
    if (last === undefined || contender.safety > last.safety) chain.push(contender)
  }
  // The best in the goal must be reached in few steps: keep the ends and what lies evenly between.
  if (chain.length > limit) {
    const step = (chain.length - 1) / (limit - 1)
    return Array.from({ length: limit }, (_, i) => chain[Math.round(i * step)]!).reverse()
  }
  return chain.reverse()
}
