import { type Graph, makeNode, type Node, type NodeOptions, type Tensor, tensorOf } from '../../../ir/index.ts'

/** What collects the constants and nodes by which a form learns, each under the name that it is given. */
export function formWriter(graph: Graph) {
  const nodes: Node[] = []
  const initializers = new Map<string, Tensor>(graph.initializers)
  return {
    nodes,
    initializers,
    constant(name: string, dims: readonly number[], values: Float32Array): string {
      initializers.set(name, tensorOf('float32', dims, values, name))
      return name
    },
    op(type: string, inputs: readonly string[], output: string, attributes: NodeOptions['attributes'] = {}): string {
      nodes.push(makeNode(type, inputs, [output], { attributes }))
      return output
    },
  }
}
