import type { Attribute, Graph, Model, ModelFunction, Node } from './model.ts'

/** What a call and a function have in common. */
export const functionKey = (domain: string, name: string, overload: string | undefined): string =>
  `${domain}\n${name}\n${overload ?? ''}`

/** The functions of a model by their `functionKey`. */
export const functionsByKey = ({ functions }: Model): ReadonlyMap<string, ModelFunction> =>
  new Map(functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]))

/** The body of a function as this call runs it: references to its attributes are replaced by the caller's, or defaults. */
export function nodesOfCall({ nodes, defaults }: ModelFunction, call: Node): readonly Node[] {
  const values = new Map<string, Attribute>([...defaults, ...call.attributes])
  return nodes.map((node) => withAttributes(node, values))
}

/** The node with its references replaced, nested graphs included; references to nothing fall away. */
function withAttributes(node: Node, values: ReadonlyMap<string, Attribute>): Node {
  if (![...node.attributes.values()].some(({ type }) => type === 'ref' || type === 'graph' || type === 'graphs'))
    return node
  const attributes = new Map<string, Attribute>()
  const inside = (graph: Graph): Graph => ({
    ...graph,
    nodes: graph.nodes.map((inner) => withAttributes(inner, values)),
  })
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === 'ref') {
      const value = values.get(attribute.name)
      if (value) attributes.set(name, value)
    } else if (attribute.type === 'graph') attributes.set(name, { ...attribute, value: inside(attribute.value) })
    else if (attribute.type === 'graphs') attributes.set(name, { ...attribute, value: attribute.value.map(inside) })
    else attributes.set(name, attribute)
  }
  return { ...node, attributes }
}
