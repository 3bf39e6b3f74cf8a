/*
 * y = f(x), <w = {as in the file}>   ⇒   y = f(x), <w = {as trained}>
 * Trained weights in place of those of the file. Names, types and sizes stay, so that nothing else has to change.
 * Illegal: a weight that the model does not have, elements that are not among the evidence, another number of elements;
 * each is refused by its name.
 * Source: whatever trained them; the evidence holds the elements by their digest.
 */
import { elementCount, type Model, type NumericArray, type Tensor, tensorOf } from '../../ir/index.ts'
import { exactly, record, text } from '../../report/index.ts'
import type { Pass } from '../../rewrite/index.ts'

/** Puts weights in, by the name of the initializer; dtype and sizes must be those that stand there. */
export function withWeights(model: Model, weights: ReadonlyMap<string, Tensor>): Model {
  if (weights.size === 0) return model
  const initializers = new Map(model.graph.initializers)
  for (const [name, tensor] of weights) {
    const old = initializers.get(name)
    if (!old || old.dtype !== tensor.dtype || old.dims.join() !== tensor.dims.join())
      throw new Error(`internal: "${name}" cannot take ${tensor.dtype}[${tensor.dims.join(',')}]`)
    initializers.set(name, { ...tensor, name })
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

export interface SetWeightsOptions {
  /** Where the elements are: the digest of the tensor among the evidence, by initializer. */
  readonly weights: Readonly<Record<string, string>>
}

export const setWeights: Pass<SetWeightsOptions> = {
  id: 'setWeights',
  summary: 'Puts trained weights in.',
  options: exactly<SetWeightsOptions>({ weights: record(text) }),
  run(model, options, evidence) {
    const tensors = new Map<string, NumericArray>(evidence.flatMap((item) => [...(item.tensors ?? [])]))
    const refused: { node: string; reason: string }[] = []
    const weights = new Map<string, Tensor>()
    for (const [name, digest] of Object.entries(options.weights)) {
      const old = model.graph.initializers.get(name)
      const values = tensors.get(digest)
      const count = old && elementCount(old.dims)
      if (!old) refused.push({ node: name, reason: 'the model has no such weight' })
      else if (!values) refused.push({ node: name, reason: `the elements ${digest} are not at hand` })
      else if (values.length !== count)
        refused.push({ node: name, reason: `it has ${count} elements, not ${values.length}` })
      else weights.set(name, tensorOf(old.dtype, old.dims, values, name))
    }
    return { model: withWeights(model, weights), report: { id: this.id, applied: weights.size, refused } }
  },
}
