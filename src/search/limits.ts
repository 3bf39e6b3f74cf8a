import type { OptimizationReport } from '../report/index.ts'
import { brokenLimit, type Goal } from './goal.ts'
import type { Trial } from './trial.ts'

/** The limits that were asked for, and how what is handed out breaks one; undefined where none was asked for. */
export function limitsOf(goal: Goal, broken: string | null): OptimizationReport['limits'] {
  const { name: _, ...limits } = goal
  return Object.keys(limits).length === 0 ? undefined : { ...limits, broken }
}

/** Why the original is handed out, where limits have a part in it. */
export function reasonWithLimits(goal: Goal, trials: readonly Trial[], reason: string, broken: string | null): string {
  const over = trials.filter(({ result }) => brokenLimit(goal, result) !== null).length
  if (over > 0 && over === trials.length)
    return `No candidate keeps the limits that were asked for, and ${
      broken === null ? 'the original does' : `neither does the original: ${broken}`
    }.`
  const some = over > 0 ? ` ${over} of ${trials.length} candidates ${over === 1 ? 'was' : 'were'} over a limit.` : ''
  return `${reason}${some}${broken === null ? '' : ` The original does not keep the limits: ${broken}.`}`
}
