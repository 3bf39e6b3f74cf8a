import type { Attribute, Graph, Model } from './model.ts'
import type { SparseTensor, Tensor } from './tensor.ts'

/**
 * Every constant of a model: of its graph, the graphs inside it, its functions, and the attributes of all their nodes.
 * Those of a graph come before those of its nodes.
 */
export function* allConstants({ graph, functions }: Model): Generator<Tensor | SparseTensor> {
  yield* constantsOfGraph(graph)
  for (const { defaults, nodes } of functions) {
    for (const attribute of defaults.values()) yield* constantsOfAttribute(attribute)
    for (const node of nodes) for (const attribute of node.attributes.values()) yield* constantsOfAttribute(attribute)
  }
}

/** The same as tensors: of a sparse one its values and its places. */
export function* allTensors(model: Model): Generator<Tensor> {
  for (const constant of allConstants(model)) {
    if ('values' in constant) {
      yield constant.values
      yield constant.indices
    } else yield constant
  }
}

function* constantsOfGraph({ initializers, sparseInitializers, nodes }: Graph): Generator<Tensor | SparseTensor> {
  yield* initializers.values()
  yield* sparseInitializers ?? []
  for (const node of nodes) for (const attribute of node.attributes.values()) yield* constantsOfAttribute(attribute)
}

function* constantsOfAttribute(attribute: Attribute): Generator<Tensor | SparseTensor> {
  switch (attribute.type) {
    case 'tensor':
    case 'sparseTensor':
      yield attribute.value
      break
    case 'tensors':
    case 'sparseTensors':
      yield* attribute.value
      break
    case 'graph':
      yield* constantsOfGraph(attribute.value)
      break
    case 'graphs':
      for (const graph of attribute.value) yield* constantsOfGraph(graph)
  }
}
