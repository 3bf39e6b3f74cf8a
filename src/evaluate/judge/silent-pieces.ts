import type { PairedScores } from './paired-scores.ts'
import { BROKEN, mostInSilence, timesToSettle } from './silence.ts'

/** What classes of which no row broke could cost together, at a one-sided level. */
interface SilentPieces {
  readonly costAt: (level: number) => number
  /** How many times as many rows would make it less than a margin. */
  readonly timesFor: (margin: number, alpha: number) => number
}

/**
 * What is hidden by the few rows that hold a rare class, where a row may hold several: masks, boxes. It is counted as of
 * rows of one class each (see `unseenCost`), of all rows in which the base had something of the class to lose, and a class
 * may lose what the base has of it in its best class. Null where of every class a row is seen that lost half of what it had.
 */
export function silentPieces({ pieces }: PairedScores): SilentPieces | null {
  if (!pieces) return null
  const [before, after] = [pieces('base'), pieces('candidate')]
  const classes = new Map<number, { n: number; had: number; broke: boolean }>()
  for (const [row, own] of before.entries())
    for (const [name, had] of own) {
      if (!(had > 0)) continue
      const one = classes.get(name) ?? { n: 0, had: 0, broke: false }
      one.n++
      one.had += had
      one.broke ||= had - (after[row]!.get(name) ?? 0) >= BROKEN * had
      classes.set(name, one)
    }
  const silent = [...classes.values()].filter(({ broke }) => !broke)
  if (silent.length === 0) return null
  const most = silent.reduce((best, { had, n }) => Math.max(best, had / n), 0)
  const costAt = (level: number, times = 1) => (most / classes.size) * mostInSilence(silent, level, times)
  return {
    costAt: (level) => costAt(level),
    timesFor: (margin, alpha) => timesToSettle((times) => costAt(alpha, times) < margin),
  }
}
