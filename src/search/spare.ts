import { type Budget, TooLong } from './budget.ts'
import type { Pool } from './pool.ts'
import { worthMore } from './preference.ts'
import { hasOtherBase, noiseAt, noiseRatioOf } from './trial.ts'

/** How far below their signal readers of the channels may be disturbed, in decibels; the first removes most. */
const DECIBELS = [30, 35, 40, 45]
/** What it may bring in beside roundings: as much noise as these. */
const AS_MUCH = 2
/** Noise over signal that it may always come to: hardly more than good roundings. */
const ALWAYS = noiseAt(35)
/** Share of the time that must be left: reading, fitting, and a candidate built and judged. */
const NEEDED = 1 / 5

/**
 * The best candidate that is safe so far, once more with channels left out that others can make up for. The one that saves
 * most comes first; one that brings in more noise than its roundings is not handed out, and a quieter one is tried.
 */
export async function leaveOutSpare(pool: Pool, budget: Budget): Promise<void> {
  const [best] = pool.inOrder(
    pool.trials.filter(
      (trial) => !hasOtherBase(trial) && !pool.hopeless(trial) && (trial === pool.lossless || pool.secure(trial)),
    ),
  )
  if (!best || pool.bench.rows.calibrate.indices.length === 0 || !(await pool.bench.hasProducts())) return
  const limit = Math.max(ALWAYS, AS_MUCH * (noiseRatioOf(best) ?? 0))
  const what = `${best.built.spec.id} without spare channels`
  let before = 0
  // Readers that are disturbed beyond it leave little hope for the outputs.
  for (const decibels of DECIBELS.filter((one) => noiseAt(one) <= 2 * limit)) {
    if (budget.left < NEEDED * budget.seconds) return budget.leaveOut(what)
    const base = `spare${decibels}`
    const spared = await granted(budget, what, () => pool.bench.addSpared(base, noiseAt(decibels)))
    // Of less noise come no more channels.
    if (!spared) return
    if (spared.gone === before) continue
    before = spared.gone
    const { spec } = best.built
    const words = `${spec.words}, without ${spared.gone} of ${spared.of} channels, which the others stand in for: foretold at ${decibels} dB or more`
    const trial = await granted(budget, what, () => pool.build({ ...spec, id: `${spec.id}-${base}`, words, base }))
    if (!trial) return
    if (spared.whole.length > 0) trial.result = { ...trial.result, whole: [...spared.whole] }
    await pool.time([trial], budget.timing(8))
    if (pool.hopeless(trial) || !worthMore(pool.standing(trial), pool.standing(best)))
      return pool.drop(trial, `nothing gained beside ${spec.id}`)
    await pool.climb(trial)
    const quiet = (noiseRatioOf(trial) ?? 0) <= limit
    if (quiet && pool.secure(trial)) return
    pool.drop(trial, quiet ? 'it may not hold on the proof rows' : `more noise than ${spec.id} and as much again`)
  }
}

/** What it gives, or null where it would take too much of the time that is left. */
async function granted<T>(budget: Budget, what: string, work: () => Promise<T>): Promise<T | null> {
  const given = await budget.granting(budget.refining, work)
  if (!(given instanceof TooLong)) return given
  budget.leaveOut(what)
  return null
}
