import { type Model, type NumericArray, type Tensor, tensorValues } from '../../ir/index.ts'
import type { LearnedWeightsReport, Recipe, Refusal, Report } from '../../report/index.ts'
import { losslessSteps } from '../simplify.ts'
import { TensorStore } from '../tensor-refs.ts'
import { advance, advanceAll, type Trail } from '../trail.ts'
import type { Learned } from './learn.ts'

/** A way of steps, and the numbers that its evidence refers to, by digest. */
export interface TrainedTrail {
  readonly trail: Trail
  readonly tensors: ReadonlyMap<string, NumericArray>
}

/** What a verb that trains makes of a model, with the report of that kind. */
export interface TrainingResult<R extends Report> {
  readonly model: Model
  readonly report: R
  readonly recipe: Recipe
  /** What the recipe refers to, by digest. */
  readonly tensors: ReadonlyMap<string, NumericArray>
}

/** What the numbers that are put in were found with. */
interface LearnedFrom {
  readonly dataDigest: string
  readonly rows: number
  /** What was left as it is, and why. */
  readonly left?: readonly Refusal[]
}

/**
 * The way on from an untrained model: what was learned is put in, as a step that can be replayed, and then folded. Who
 * counts the zeros among the weights says `whole`: then channels of which nothing is read stay.
 */
export async function trainedTrail(
  trail: Trail,
  { learned }: Pick<Learned, 'learned'>,
  data: LearnedFrom,
  whole?: 'whole',
): Promise<TrainedTrail> {
  const put = await putWeights(trail, learned, data)
  const steps = whole ? losslessSteps.filter(({ pass }) => pass !== 'dropUnreadChannels') : losslessSteps
  return { trail: await advanceAll(put.trail, steps), tensors: put.tensors }
}

/** The way on with these weights put in, as a step that can be replayed. */
export async function putWeights(
  trail: Trail,
  learned: ReadonlyMap<string, Tensor>,
  data: LearnedFrom,
): Promise<TrainedTrail> {
  const store = new TensorStore()
  const values = [...learned].map(
    ([name, tensor]) => [name, store.keep(tensorValues(tensor) as Float32Array, tensor.dims)] as const,
  )
  const report: LearnedWeightsReport = {
    kind: 'learned-weights',
    version: 1,
    samples: data.rows,
    dataDigest: data.dataDigest,
    weights: Object.fromEntries(values.map(([name, ref]) => [name, { values: ref }])),
    blocks: [],
    left: (data.left ?? []).map(({ node, reason }) => ({ name: node, reason })),
  }
  const weights = Object.fromEntries(values.map(([name, { digest }]) => [name, digest]))
  const { tensors } = store
  return {
    trail: await advance(trail, { pass: 'setWeights', options: { weights }, evidence: [{ report, tensors }] }),
    tensors,
  }
}
