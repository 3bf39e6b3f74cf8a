import type { Model } from '../ir/index.ts'
import type { Equivalence } from '../report/index.ts'
import { AnswersChanged, proveEqual } from './prove-equal.ts'
import type { SampleOptions } from './samples.ts'
import { advanceAll, type LeftOut, startTrail, type Trail } from './trail.ts'

/** Passes that are left out of one model before it is given up: more than these are no slip of one of them. */
const MOST_LEFT_OUT = 4

/** A trail that changes no answer, and one warning for each pass that was left out for that. */
export interface ProvenTrail {
  readonly trail: Trail
  readonly equivalence: Equivalence
  readonly warnings: readonly string[]
}

/**
 * Makes a trail that must change no answer and proves it. Where it does change one, the pass that did is found and left
 * out, and the trail is made anew: a model with one unusual corner comes back faster for all other passes, and not with
 * an error, nor with other answers.
 *
 * @param make The trail without these passes.
 * @throws AnswersChanged where too many passes change answers, or a step that cannot be left out does.
 */
export async function provenTrail(
  original: Model,
  make: (without?: LeftOut) => Promise<Trail>,
  prove: (trail: Trail) => Promise<Equivalence>,
  options: SampleOptions,
): Promise<ProvenTrail> {
  const warnings: string[] = []
  for (let without: LeftOut = new Set(); ; ) {
    const trail = await make(without)
    try {
      return { trail, equivalence: await prove(trail), warnings }
    } catch (error) {
      if (!(error instanceof AnswersChanged) || without.size === MOST_LEFT_OUT) throw error
      const pass = await whoChanged(original, trail, options)
      if (pass === null) throw error
      warnings.push(leftOutWarning(pass, error))
      without = new Set([...without, pass])
    }
  }
}

export const leftOutWarning = (pass: string, { what }: AnswersChanged): string =>
  `${pass} was left out: with it a rewrite that must change no answer changed ${what}; please report the model`

/** The first pass along a trail behind which answers are others; null where each step by itself seems to change none. */
export async function whoChanged(original: Model, { strides }: Trail, options: SampleOptions): Promise<string | null> {
  const steps = strides.map(({ step }) => step)
  const changes = async (count: number): Promise<boolean> => {
    const { model } = await advanceAll(startTrail(original), steps.slice(0, count))
    try {
      await proveEqual(original, model, options)
      return false
    } catch (error) {
      if (error instanceof AnswersChanged) return true
      throw error
    }
  }
  if (!(await changes(steps.length))) return null
  let [same, changed] = [0, steps.length]
  while (changed - same > 1) {
    const middle = (same + changed) >> 1
    if (await changes(middle)) changed = middle
    else same = middle
  }
  return steps[changed - 1]?.pass ?? null
}
