import {
  elementCount,
  int,
  type Model,
  makeNode,
  type Node,
  type Tensor,
  tensorOf,
  type ValueInfo,
} from '../ir/index.ts'
import type { WeightLayout } from './weight-layout.ts'

export const floatInput = (name: string, shape: readonly number[]): ValueInfo => ({
  name,
  type: { kind: 'tensor', dtype: 'float32', shape },
})

/**
 * The model with weights as one input in place of initializers: one array crosses the border of the engine, and the
 * graph takes it apart again (name = Reshape(Split(input)ᵢ, dims)).
 */
export function feedWeights(model: Model, layout: WeightLayout, input: string): Model {
  if (layout.size === 0) return model
  const initializers = new Map(model.graph.initializers)
  const constant = (name: string, values: readonly number[]) => {
    initializers.set(name, tensorOf('int64', [values.length], values, name))
    return name
  }
  const pieces = layout.entries.map((_, i) => `${input}/${i}`)
  const sizes = constant(
    `${input}/sizes`,
    layout.entries.map(({ dims }) => elementCount(dims)),
  )
  const nodes: Node[] = [makeNode('Split', [input, sizes], pieces, { attributes: { axis: int(0) } })]
  for (const [i, { name, dims }] of layout.entries.entries()) {
    initializers.delete(name)
    nodes.push(makeNode('Reshape', [pieces[i]!, constant(`${input}/${i}/shape`, dims)], [name]))
  }
  return {
    ...model,
    graph: {
      ...model.graph,
      nodes: [...nodes, ...model.graph.nodes],
      inputs: [...model.graph.inputs, floatInput(input, [layout.size])],
      initializers: initializers as ReadonlyMap<string, Tensor>,
    },
  }
}
