import type { RandomSource } from '../../statistics/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { apgdCrossEntropy, apgdTargeted } from './apgd.ts'
import { fabTargeted } from './fab.ts'
import { distanceOf, type Found, gathered, type Norm, type Problem, pick, rowAt } from './problem.ts'
import { square } from './square.ts'
import { fgsm, pgd } from './steps.ts'
import type { Ascent, AttackLoss, Target } from './target.ts'

interface Attack {
  /** What it climbs; null for one that only looks at answers. */
  readonly loss: AttackLoss | null
  run(problem: Problem, ascent: Ascent | null): Promise<Found>
}

const white = (loss: AttackLoss, run: (problem: Problem, ascent: Ascent) => Promise<Found>): Attack => ({
  loss,
  run: (problem, ascent) => run(problem, ascent!),
})

/** Every attack by its name. */
export const ATTACKS = {
  fgsm: white('cross-entropy', fgsm),
  pgd: white('cross-entropy', pgd),
  'apgd-ce': white('cross-entropy', apgdCrossEntropy),
  'apgd-t': white('dlr-targeted', apgdTargeted),
  'fab-t': white('margin', fabTargeted),
  square: { loss: null, run: (problem: Problem) => square(problem) },
} as const satisfies Readonly<Record<string, Attack>>

export type AttackName = keyof typeof ATTACKS

/** AutoAttack's standard ensemble. */
export const STANDARD: readonly AttackName[] = ['apgd-ce', 'apgd-t', 'fab-t', 'square']

/** Which attacks run, one after the other, and within which budget. */
export interface AttackPlan {
  readonly attacks: readonly AttackName[]
  /** Norm, ε and range as in `Problem`. */
  readonly norm: Norm
  readonly eps: number
  readonly range: readonly [number, number]
  readonly seed: number
  /** See `Problem`. */
  readonly thorough?: boolean | undefined
  readonly onProgress?: ((attack: AttackName, share: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Rows as one array, [rows, …rowShape], and the class of each. */
export interface AttackedRows {
  readonly x: Float32Array
  readonly labels: Int32Array
  readonly rowShape: readonly number[]
}

/** What one attack did to one model: which rows it leaves right, and the wrong rows that it found. */
interface AttackResult {
  readonly correct: readonly boolean[]
  readonly found: Found
}

/**
 * Runs each attack alone against every row that the model answers right. `answers` says whether the model itself, run
 * on one row at a time, is right; what an attack found counts only where that is wrong, inside the range and within ε.
 */
export async function runAttacks(
  target: Target,
  rows: AttackedRows,
  clean: readonly boolean[],
  isRight: (x: Float32Array, label: number) => Promise<boolean>,
  plan: AttackPlan,
): Promise<Readonly<Record<string, AttackResult>>> {
  const results: Record<string, AttackResult> = {}
  const victims = [...clean.keys()].filter((row) => clean[row])
  const x = gathered(rows.x, victims, target.width)
  const labels = pick(rows.labels, victims)
  for (const [place, name] of plan.attacks.entries()) {
    const { loss, run }: Attack = ATTACKS[name]
    const problem: Problem = {
      target,
      x,
      labels,
      rowShape: rows.rowShape,
      norm: plan.norm,
      eps: plan.eps,
      range: plan.range,
      random: seeded(plan.seed, place),
      thorough: plan.thorough ?? false,
      tick(share) {
        plan.signal?.throwIfAborted()
        plan.onProgress?.(name, share)
      },
    }
    const ascent = loss === null || !target.ascent ? null : await target.ascent(loss)
    try {
      const found: Found = new Array(rows.labels.length).fill(null)
      for (const [i, point] of (await run(problem, ascent)).entries()) {
        const row = victims[i]!
        if (
          point &&
          allowed(point, rowAt(rows.x, row, target.width), plan) &&
          !(await isRight(point, rows.labels[row]!))
        )
          found[row] = point
      }
      results[name] = { correct: clean.map((right, row) => right && found[row] === null), found }
    } finally {
      await ascent?.close()
    }
  }
  return results
}

/** Each attack draws from a source of its own, so that leaving one out changes no other. */
const seeded = (seed: number, place: number): RandomSource => randomSource(seed * 8191 + place + 1)

/** Float32 rounds ε by a few units in the last place. */
const SLACK = 1e-5

function allowed(point: Float32Array, row: Float32Array, { norm, eps, range }: AttackPlan): boolean {
  const [low, high] = range
  if (distanceOf(point, row, norm) > eps * (1 + SLACK) + 1e-6 * Math.max(1, Math.abs(low), Math.abs(high))) return false
  return point.every((value, i) => (value >= low && value <= high) || value === row[i])
}

/** Share of the rows at which the loss has no slope at all: nothing to climb. */
export async function flatRows(ascent: Ascent, x: Float32Array, labels: Int32Array, width: number): Promise<number> {
  const { gradient } = await ascent.at(x, labels)
  let flat = 0
  for (let row = 0; row < labels.length; row++) if (rowAt(gradient, row, width).every((value) => value === 0)) flat++
  return flat
}
