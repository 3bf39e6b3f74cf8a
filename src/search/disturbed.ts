import { undecided } from '../recipe/index.ts'
import type { Trial } from './trial.ts'

/** What the timings could not settle because something else ran meanwhile, in one sentence; null where they did. */
export function disturbanceWarning(trials: readonly Trial[]): string | null {
  const open = trials.flatMap(({ built, result: { ratio } }) =>
    ratio && undecided(ratio) && ratio.ci[0] < 1 && ratio.ci[1] >= 1
      ? [`${built.spec.id} (${ratio.median.toFixed(2)} of the original's time, up to ${ratio.ci[1].toFixed(2)})`]
      : [],
  )
  if (open.length === 0) return null
  return `timings were disturbed, so what may be faster could not be shown to be and was left out: ${open.join(', ')}; search again when nothing else runs on the machine`
}
