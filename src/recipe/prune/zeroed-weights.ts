import { sizeChange } from '../../evaluate/index.ts'
import { countParameters, type Model, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import {
  type MaskableWeight,
  maskableWeights,
  masked,
  maskedForm,
  masksByPattern,
  masksByShare,
  type WeightMasks,
  type WeightPattern,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { trainableWeights } from '../../train/index.ts'
import { advance, type Trail } from '../trail.ts'
import type { Importance } from '../train/channel-importance.ts'
import { eachGradient, type ImportanceOptions } from '../train/importance-gradients.ts'
import { trainedTrail } from '../train/trained-trail.ts'
import type { Pruning } from './pruning.ts'

/** Which weights become zero: a share of all of them, or a pattern. */
interface ZeroOptions {
  readonly sparsity: number
  readonly pattern: WeightPattern | null
  readonly importance: Importance
}

/** `2:4` as a pattern. */
export function patternOf(text: string): WeightPattern {
  const [, keep, of] = /^(\d{1,3}):(\d{1,3})$/.exec(text) ?? []
  const pattern = { keep: Number(keep), of: Number(of) }
  if (pattern.keep >= 1 && pattern.keep < pattern.of) return pattern
  throw new UserError('bad-argument', `"${text}" is no pattern of weights`, {
    where: 'pattern',
    hint: '2:4 keeps two of every four weights in a row',
  })
}

/**
 * The least important weights become zero, alone or in a pattern, and stay zero while the others learn. They are
 * stored as bits, so the file shrinks; kernels compute zeros like any other number.
 *
 * @throws UserError `unsupported` where no weights can, or the importance tells channels alone.
 */
export async function zeroedWeights(
  whole: Trail,
  { sparsity, pattern, importance }: ZeroOptions,
  evidence: () => Promise<ImportanceOptions>,
): Promise<Pruning> {
  const form = whole.model
  if (importance !== 'taylor' && importance !== 'l1')
    throw new UserError('bad-argument', `${importance} tells the importance of channels, not of single weights`, {
      where: 'importance',
      hint: 'taylor or l1',
    })
  const { weights, held } = maskableWeights(form, pattern)
  if (weights.length === 0)
    throw new UserError('unsupported', 'this model has no weights that can become zero', {
      where: held.map(({ node, reason }) => `${node}: ${reason}`)[0] ?? form.graph.name,
      hint: pattern
        ? '--sparsity 0.5 asks for no pattern'
        : 'weights are float32 constants of Conv, ConvTranspose, Gemm and MatMul',
    })
  const scores = importance === 'l1' ? sizes(form, weights) : await bySlope(form, weights, await evidence())
  const masks = pattern
    ? masksByPattern(weights, pattern, scores)
    : masksByShare(weights, sparsity, scores, importance === 'l1' ? 'within' : 'across')
  const groups = weights.map(({ name, nodes }) => {
    const mask = masks.get(name)!
    const kept = mask.reduce((sum, bit) => sum + bit, 0)
    return { nodes, kept, removed: mask.length - kept }
  })
  const removed = groups.reduce((sum, group) => sum + group.removed, 0)
  return {
    unit: 'weights',
    asked: pattern ? 1 - pattern.keep / pattern.of : sparsity,
    ...(pattern ? { pattern: `${pattern.keep}:${pattern.of}` } : {}),
    student: maskedForm(form, masks),
    wrt: trainableWeights(form),
    groups,
    held,
    sentence: (before, after, speed) =>
      `${Math.round((100 * removed) / before.parameters)} % of the weights are zero and the file is ${sizeChange(before.bytes, after.bytes)}; zeros take the time of any other number${speed ? ` (${speed})` : ''}.`,
    unlearned: 'no epochs: weights became zero and nothing has learned again',
    finish: async (learned, about) => {
      const numbers = new Map([...form.graph.initializers].filter(([name]) => masks.has(name)))
      const settled = withZeros(new Map([...numbers, ...(learned?.learned ?? [])]), masks)
      const { trail, tensors } = await trainedTrail(whole, { learned: settled }, about, 'whole')
      const parameters = countParameters(trail.model).count - removed
      return { trail: await advance(trail, { pass: 'storeSparseWeights' }), tensors, parameters }
    },
  }
}

function withZeros(learned: ReadonlyMap<string, Tensor>, masks: WeightMasks): ReadonlyMap<string, Tensor> {
  return new Map(
    [...learned].map(([name, tensor]) => {
      const mask = masks.get(name)
      const values = tensorValues(tensor) as Float32Array
      return [name, mask ? tensorOf('float32', tensor.dims, masked(values, mask), name) : tensor]
    }),
  )
}

/** |w| (Han et al. 2015, 1506.02626). */
function sizes(model: Model, weights: readonly MaskableWeight[]): ReadonlyMap<string, Float64Array> {
  return new Map(
    weights.map(({ name }) => [
      name,
      Float64Array.from(tensorValues(model.graph.initializers.get(name)!) as Float32Array, Math.abs),
    ]),
  )
}

/** (w · ∂loss/∂w)², the square of what the loss changes without the weight to first order, summed over batches. */
async function bySlope(
  model: Model,
  weights: readonly MaskableWeight[],
  evidence: ImportanceOptions,
): Promise<ReadonlyMap<string, Float64Array>> {
  const sums = new Map<string, Float64Array>()
  const names = weights.map(({ name }) => name)
  const values = new Map(names.map((name) => [name, tensorValues(model.graph.initializers.get(name)!) as Float32Array]))
  for (const [name, own] of values) sums.set(name, new Float64Array(own.length))
  await eachGradient(model, names, evidence, (gradients) => {
    for (const [name, gradient] of gradients) {
      const [own, sum] = [values.get(name)!, sums.get(name)!]
      for (let i = 0; i < own.length; i++) sum[i]! += (own[i]! * gradient[i]!) ** 2
    }
  })
  return sums
}
