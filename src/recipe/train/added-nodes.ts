import type { Dataset } from '../../data/index.ts'
import type { Model, Node, Tensor } from '../../ir/index.ts'
import { rowTypes } from './proof-rows.ts'

/** A model to which nodes are added behind values that it has; its outputs stay what they are. */
export interface Additions {
  readonly source: Model
  /** Sizes for one row; null where they are not known. */
  sizes(value: string): readonly number[] | null
  add(node: Node, weights?: readonly Tensor[]): void
  model(): Model
}

/** @param data Gives the sizes of a row, where the model leaves them open. */
export function additions(source: Model, data: Dataset): Additions {
  const types = rowTypes(source, data)
  const nodes: Node[] = []
  const weights: Tensor[] = []
  return {
    source,
    sizes(value) {
      const type = types.get(value)
      if (type?.kind !== 'tensor' || type.dtype !== 'float32' || !type.shape) return null
      return type.shape.every((dim) => typeof dim === 'number') ? type.shape : null
    },
    add(node, own = []) {
      nodes.push(node)
      weights.push(...own)
    },
    model() {
      const { graph } = source
      const initializers = new Map([...graph.initializers, ...weights.map((tensor) => [tensor.name, tensor] as const)])
      return { ...source, graph: { ...graph, nodes: [...graph.nodes, ...nodes], initializers } }
    },
  }
}
