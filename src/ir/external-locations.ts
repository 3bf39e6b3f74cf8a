import { nestedGraphs } from './attribute.ts'
import type { Graph } from './model.ts'
import type { Tensor } from './tensor.ts'

/** The other files, as the model names them, that weights of the graph and the graphs inside it live in. */
export function externalLocations(graph: Graph): ReadonlySet<string> {
  const found = new Set<string>()
  const look = ({ data }: Tensor) => {
    if (data.form !== 'external') return
    for (const [key, value] of data.entries) if (key === 'location') found.add(value)
  }
  for (const tensor of graph.initializers.values()) look(tensor)
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) if (attribute.type === 'tensor') look(attribute.value)
    for (const [, nested] of nestedGraphs(node)) for (const location of externalLocations(nested)) found.add(location)
  }
  return found
}
