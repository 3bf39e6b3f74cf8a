import type { Dataset } from '../../data/index.ts'
import type { Model } from '../../ir/index.ts'
import { type Step, startTrail } from '../trail.ts'
import { answersOf, relativeNoise } from '../train/answers.ts'
import { advanceOnThreads } from '../weight-threads.ts'

/** Of so many rows, how many judge: the last eighth, which nothing was measured on. */
export const judgedOf = (rows: number): number => Math.ceil(rows / 8)

/** The step that leaves the outputs nearest to the float model's on these rows; of equal ones the first. */
export async function nearest(
  model: Model,
  steps: readonly [Step, ...Step[]],
  data: Dataset,
  rows: readonly number[],
): Promise<Step> {
  const exact = await answersOf(model, data, rows)
  let [best, least] = [steps[0], Number.POSITIVE_INFINITY]
  for (const step of steps) {
    const { model: rounded } = await advanceOnThreads(startTrail(model), [step])
    const lost = relativeNoise(exact, await answersOf(rounded, data, rows))
    if (lost < least) [best, least] = [step, lost]
  }
  return best
}
