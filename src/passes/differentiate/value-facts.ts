import {
  constantValue,
  type DType,
  type Graph,
  isFloating,
  type Shape,
  type Tensor,
  tensorShape,
  type ValueType,
} from '../../ir/index.ts'
import { Refused } from './refused.ts'

/** The graph that gradients are written for; a type for every value of which one is known. */
export interface WriterSource {
  readonly graph: Graph
  readonly types: ReadonlyMap<string, ValueType>
}

/** What is known of the values of a graph. */
export interface ValueFacts {
  /** The floating element type of a value's gradient: its own, or float32 for integers. */
  dtype(value: string): DType
  /** The element type that the value itself has. */
  storedType(value: string): DType
  shape(value: string): Shape | null
  /** Refused where it is unknown. */
  rank(value: string): number
  /** The constant behind a value, where there is one. */
  constant(value: string): Tensor | undefined
}

/** Facts as the types, constants and nodes of the graph tell them. */
export function valueFacts({ graph, types }: WriterSource): ValueFacts {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const shape = (value: string) => tensorShape(types.get(value))
  const storedType = (value: string): DType => {
    const type = types.get(value)
    if (type?.kind !== 'tensor') throw new Refused(`the type of "${value}" is not known`)
    return type.dtype
  }
  return {
    shape,
    storedType,
    dtype: (value) => (isFloating(storedType(value)) ? storedType(value) : 'float32'),
    rank(value) {
      const dims = shape(value)
      if (!dims) throw new Refused(`the rank of "${value}" is not known`)
      return dims.length
    },
    constant(value) {
      const tensor = graph.initializers.get(value)
      if (tensor) return inputs.has(value) ? undefined : tensor
      const producer = producers.get(value)
      return producer && constantValue(producer)
    },
  }
}
