import { undecided } from '../recipe/index.ts'
import type { CandidateResult } from '../report/index.ts'
import type { Pool } from './pool.ts'
import { timesOf } from './sentence.ts'

/**
 * What the last timing of each could not settle because something else ran meanwhile, in one sentence; null where they
 * did. How fast the lossless model is matters where nothing better than the original is handed out.
 */
export function disturbanceWarning(
  { trials, lossless }: Pick<Pool, 'trials' | 'lossless'>,
  chosen: string,
): string | null {
  const left = trials.filter((trial) => trial.built.spec.id !== chosen && (trial !== lossless || chosen === 'original'))
  const open = left.flatMap(({ built, result: { ratio } }) =>
    ratio && undecided(ratio) && ratio.ci[0] < 1 && ratio.ci[1] >= 1
      ? [`${built.spec.id} (${ratio.ci.map((end) => end.toFixed(2)).join(' to ')} of the original's time)`]
      : [],
  )
  if (open.length === 0) return null
  return `timings were disturbed, so what may be faster could not be shown to be and was left out: ${open.join(', ')}; search again when nothing else runs on the machine`
}

/** That a speed is known only roughly, for the same reason, in one sentence; null where it is known. */
export function roughSpeed({ id, ratio }: Pick<CandidateResult, 'id' | 'ratio'>): string | null {
  if (!ratio || ratio.ci[1] >= 1 || !undecided(ratio)) return null
  return `timings were disturbed, so that the speed of ${id} is only known to lie between ${timesOf(ratio.ci[1])} and ${timesOf(ratio.ci[0])}: \`whet bench\` tells it when nothing else runs on the machine`
}
