import { CALIBRATION_ROWS } from '../evaluate/index.ts'
import { LEARNING_RUNS } from '../recipe/index.ts'
import { type Budget, TooLong } from './budget.ts'
import { roundedSpec } from './plan.ts'
import type { Pool } from './pool.ts'
import { isQuiet, type Trial } from './trial.ts'

/** Rows to learn from without which a rounding learns these rows by heart. */
const FEWEST_ROWS = 16

/** Runs of the model until the first result shows: the rows that products are watched on, or steps of learning. */
const RUNS = { gptq: 2 * CALIBRATION_ROWS, learned: LEARNING_RUNS }

/** Whether other roundings of weights could matter: not passed, or too noisy. */
export const couldBeNearer = (trial: Trial): boolean =>
  trial.comparison !== null && (trial.comparison.verdict !== 'pass' || !isQuiet(trial))

/**
 * The candidate with weights rounded as the calibration rows decide: other numbers in the same kernels, which take the
 * same time. Null where there is no time to see them and to judge it, or nothing comes nearer.
 */
export async function rounded(pool: Pool, budget: Budget, of: Trial, by: keyof typeof RUNS): Promise<Trial | null> {
  const { bench } = pool
  const spec = roundedSpec(of.built.spec, by)
  // Learned codes of 8 bits are not held within what 16 bits can add.
  const wide = spec.scheme === 'static-int8' && spec.pass?.weightBits !== 4
  const bounded = bench.target === 'portable' || bench.saturates
  if ((bounded && wide) || bench.rows.calibrate.indices.length < FEWEST_ROWS) return null
  const granted = budget.refining
  // Its first parts alone may take longer than that, so that it would show too late.
  const foretold = (RUNS[by] * bench.seen.runMs) / 1000
  if (!pool.affords(1) || foretold > granted) {
    budget.leaveOut(`${spec.id} (about ${foretold.toFixed(0)} s to learn)`)
    return null
  }
  const trial = await budget.granting(granted, () => pool.build(spec))
  if (trial instanceof TooLong) budget.leaveOut(`${spec.id} (${trial.words})`)
  if (!trial || trial instanceof TooLong) return null
  pool.borrowTiming(trial, of)
  await pool.climb(trial)
  return trial
}

/** Weights of few bits rounded in other ways, the quick one first, until they are near enough. */
export async function roundedNearer(pool: Pool, budget: Budget, of: Trial): Promise<void> {
  for (const by of ['gptq', 'learned'] as const) {
    // It knows products and stored convolutions alone.
    if (by === 'gptq' && !of.built.planned.MatMulNBits && !of.built.spec.pass?.stored) continue
    const trial = await rounded(pool, budget, of, by)
    if (trial && !couldBeNearer(trial)) return
  }
}
