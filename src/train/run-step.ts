import type { Feeds, Fetched, Session, TensorValue } from '../engine/index.ts'
import { UserError } from '../platform/index.ts'
import { firstNotFinite, placeOf } from './first-not-finite.ts'
import { rateAt, type Schedule } from './schedule.ts'
import { BETA1, BETA2, STEP, type StepGraph } from './step-graph.ts'

/** How much of the weights' running average is kept at each step, once there were enough steps. */
const AVERAGE = 0.99

/** One run of the step graph; null where the batch does not fit into memory and a smaller one may. */
export async function runStep(session: Session, feeds: Feeds, batch: number): Promise<Fetched | null> {
  try {
    return await session.run(feeds)
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'out-of-resources' || batch === 1) throw error
    return null
  }
}

const scalar = (value: number): TensorValue => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) })

/** What a step reads of the arrays that it gives back changed. */
export const arrayFeeds = (arrays: ReadonlyMap<string, Float32Array>): Feeds =>
  Object.fromEntries([...arrays].map(([name, data]) => [name, { dtype: 'float32', dims: [data.length], data }]))

/** The single numbers that a step reads after `done` others. */
export function scalarsAt(done: number, schedule: Schedule, { optimizer }: StepGraph): Feeds {
  const t = done + 1
  const feeds: Record<string, TensorValue> = {
    [STEP.rate]: scalar(rateAt(done, schedule)),
    // Early on the average forgets faster, or it would hold on to where training started.
    [STEP.keep]: scalar(Math.min(AVERAGE, t / (t + 9))),
  }
  if (optimizer.kind === 'adamw') {
    feeds[STEP.correction1] = scalar(1 / (1 - BETA1 ** t))
    feeds[STEP.correction2] = scalar(1 / (1 - BETA2 ** t))
  }
  return feeds
}

/** The error of a step whose loss or gradient is not finite: it names the first tensor that is not. */
export async function notFinite(
  session: Session,
  step: StepGraph,
  feeds: Feeds,
  seen: { readonly what: 'loss' | 'gradient'; readonly step: number; readonly kept: boolean },
) {
  const first = await firstNotFinite(session, step.model.graph, feeds)
  const inRows = first !== null && first in feeds && !first.startsWith('step/')
  return new UserError('bad-data', `the ${seen.what} is no longer finite at step ${seen.step}`, {
    where: `first in ${first === null ? `the ${seen.what}` : placeOf(step, first)}`,
    hint: `${inRows ? 'rows hold NaN or an infinity: mend them, or leave them out' : 'a lower learning rate (--rate) usually helps'}${seen.kept ? '; the last good state is kept' : ''}`,
  })
}
