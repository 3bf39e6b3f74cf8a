import { checkChoice } from '../platform/index.ts'
import { type CandidateResult, grouped } from '../report/index.ts'

const GOALS = ['latency', 'size', 'memory', 'cost'] as const
/** What is to be least. */
export type GoalName = (typeof GOALS)[number]

/** The ratio to the original's time that the whole interval must lie below to count as not slower. */
export const NOT_SLOWER = 1.02

/** What is minimised, and what must hold in any case. */
export interface Goal {
  readonly name: GoalName
  readonly maxBytes?: number
  readonly maxP99Ms?: number
  readonly maxRssBytes?: number
}

/** Whether the goal is a time: as a ratio to that of the original, measured side by side and with an error. */
export const isTimed = ({ name }: Goal): boolean => name === 'latency' || name === 'cost'

/** What a candidate is that no other one beats in the goal, in words. */
export const NO_WORSE: Readonly<Record<GoalName, string>> = {
  latency: 'about as fast or faster',
  cost: 'about as cheap or cheaper',
  size: 'as small or smaller',
  memory: 'about as small in memory or smaller',
}

/** What a goal needs to know of a candidate; null where it was not measured. */
type Measured = Pick<CandidateResult, 'bytes' | 'p50Ms' | 'p99Ms' | 'peakRssBytes' | 'ratio'>

/**
 * The figure that the goal minimises: median latency for `latency` and `cost` (on a machine that is paid by the hour
 * the price of an answer is proportional to it), bytes for `size`, peak memory for `memory`.
 */
export function figureOf(goal: Goal, candidate: Measured): number | null {
  switch (goal.name) {
    case 'latency':
    case 'cost':
      // The ratio was taken side by side with the original, the absolute time was not.
      return candidate.ratio?.median ?? candidate.p50Ms
    case 'size':
      return candidate.bytes
    case 'memory':
      return candidate.peakRssBytes
  }
}

/** Why the candidate breaks a limit of the goal, or null. */
export function brokenLimit(goal: Goal, candidate: Measured): string | null {
  const checks: readonly (readonly [number | undefined, number | null | undefined, string, string])[] = [
    [goal.maxBytes, candidate.bytes, 'bytes', 'size'],
    [goal.maxP99Ms, candidate.p99Ms, 'ms at p99', 'time at p99'],
    [goal.maxRssBytes, candidate.peakRssBytes, 'bytes of memory', 'memory'],
  ]
  for (const [limit, value, unit, what] of checks) {
    if (limit === undefined) continue
    if (value === null || value === undefined) return `its ${what} was not measured, and a limit was asked for`
    if (value > limit) return `${numeral(value)} ${unit}, ${numeral(limit)} at the most`
  }
  return null
}

/** Whole from 100 up, else three digits: a limit of 0.2 ms is not 0. */
const numeral = (value: number) => (value >= 100 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3))))

/**
 * The goal of this name.
 *
 * @throws UserError for a name that is none, with those that are.
 */
export function goalOf(name: string): GoalName {
  checkChoice('goal', name, GOALS)
  return name as GoalName
}
