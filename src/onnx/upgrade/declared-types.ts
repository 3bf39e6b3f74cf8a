import { type Graph, type Model, nestedGraphs, type ValueType } from '../../ir/index.ts'

/** Types that the file itself states, of all graphs. */
export function declaredTypes(model: Model): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>()
  const visit = (graph: Graph) => {
    for (const [name, tensor] of graph.initializers)
      types.set(name, { kind: 'tensor', dtype: tensor.dtype, shape: tensor.dims })
    for (const { name, type } of [...graph.valueInfos.values(), ...graph.inputs, ...graph.outputs])
      if (type.kind !== 'unknown') types.set(name, type)
    for (const node of graph.nodes) for (const [, nested] of nestedGraphs(node)) visit(nested)
  }
  visit(model.graph)
  return types
}
