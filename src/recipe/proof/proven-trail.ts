import type { Model } from '../../ir/index.ts'
import type { Equivalence } from '../../report/index.ts'
import { advanceAll, type LeftOut, startTrail, type Trail } from '../trail.ts'
import { AnswersChanged, proveEqual } from './prove-equal.ts'
import type { SampleOptions } from './samples.ts'

/** Passes that are left out of one model before it is given up: more than these are no slip of one of them. */
const MOST_LEFT_OUT = 4

/** Passes that were seen to change answers of this model, and one warning for each. */
export interface LeftOutOfLossless {
  readonly passes: LeftOut
  readonly warnings: readonly string[]
}

/** A trail that changes no answer, and one warning for each pass that was left out for that. */
export interface ProvenTrail {
  readonly trail: Trail
  readonly equivalence: Equivalence
  readonly warnings: readonly string[]
}

/** Makes a trail that must change no answer and proves it, without the passes that do change one (`leavingOut`). */
export async function provenTrail(
  original: Model,
  make: (without: LeftOut) => Promise<Trail>,
  prove: (trail: Trail) => Promise<Equivalence>,
  options: SampleOptions,
): Promise<ProvenTrail> {
  let trail = startTrail(original)
  const work = async ({ passes, warnings }: LeftOutOfLossless) => {
    trail = await make(passes)
    return { trail, equivalence: await prove(trail), warnings }
  }
  return leavingOut(original, work, async () => trail, options)
}

/**
 * Does work whose first part is a trail that must change no answer. Where that trail does change one, or comes to a model
 * that the runtime does not take, the pass that did is found and left out, and the work is done anew: a model with one
 * unusual corner comes back faster for all other passes, and not with an error, nor with other answers.
 *
 * @param work Throws AnswersChanged where its proof fails; the proof may run beside the rest of it.
 * @param trailOf The trail that the work proves, without these passes.
 * @throws AnswersChanged where too many passes change answers, or a step that cannot be left out does.
 */
export async function leavingOut<T>(
  original: Model,
  work: (left: LeftOutOfLossless) => Promise<T>,
  trailOf: (without: LeftOut) => Promise<Trail>,
  options: SampleOptions,
): Promise<T> {
  for (let left: LeftOutOfLossless = { passes: new Set(), warnings: [] }; ; ) {
    try {
      return await work(left)
    } catch (error) {
      if (!(error instanceof AnswersChanged) || left.passes.size === MOST_LEFT_OUT) throw error
      const changer = await firstChanger(original, await trailOf(left.passes), options)
      if (changer === null) throw error
      const { pass, deed } = changer
      const warning = `${pass} was left out: with it a rewrite that must change no answer ${deed}; please report the model`
      left = { passes: new Set([...left.passes, pass]), warnings: [...left.warnings, warning] }
    }
  }
}

/** A pass behind which answers are others, or none: what it did. */
interface Changer {
  readonly pass: string
  readonly deed: string
}

/** The first one along a trail; null where each step by itself seems to change no answer. */
async function firstChanger(original: Model, { strides }: Trail, options: SampleOptions): Promise<Changer | null> {
  const steps = strides.map(({ step }) => step)
  const changedBy = async (count: number): Promise<Changer | null> => {
    const { model } = await advanceAll(startTrail(original), steps.slice(0, count))
    try {
      await proveEqual(original, model, options)
      return null
    } catch (error) {
      if (error instanceof AnswersChanged) return { pass: steps[count - 1]!.pass, deed: error.deed }
      throw error
    }
  }
  let found = steps.length > 0 ? await changedBy(steps.length) : null
  for (let [same, changed] = [0, steps.length]; found && changed - same > 1; ) {
    const middle = (same + changed) >> 1
    const earlier = await changedBy(middle)
    if (earlier) [changed, found] = [middle, earlier]
    else same = middle
  }
  return found
}
