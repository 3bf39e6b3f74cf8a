/*
 * shifted = BitShift<direction = "RIGHT">(bits, {0, …, 7})   …   w = Reshape(Gather(values, place), dims)
 *   ⇒  w = {many zeros}
 * The way back of `storeSparseWeights`: weights that are stored in bits become initializers again, so that passes can
 * see them. Exact: the nodes are computed as a runtime computes them. Left alone: whatever is not computed from the
 * bits of constants, and by other operators than those of the form.
 * Source: `store-sparse-weights.ts`.
 */
import { evaluateNode, type Node, readsOf, type Tensor } from '../../ir/index.ts'
import type { Pass } from '../../rewrite/index.ts'

/** Operators between the bits and the weights. */
const FORM: ReadonlySet<string> = new Set('BitShift BitwiseAnd Cast Reshape Slice CumSum Mul Gather'.split(' '))

export const readSparseWeights: Pass = {
  id: 'readSparseWeights',
  summary: 'Weights that are stored as bits and what is not zero become plain weights again.',
  run(model) {
    const { graph } = model
    const known = new Map<string, Tensor>(graph.initializers)
    const chain = new Set<Node>()
    // What is computed from the bits of some tensor; the nodes stand in topological order.
    const fromBits = new Set<string>()
    for (const node of graph.nodes) {
      if (node.domain !== '' || !FORM.has(node.opType) || node.inputs.some((name) => !known.has(name))) continue
      if (node.opType !== 'BitShift' && !node.inputs.some((name) => fromBits.has(name))) continue
      const results = evaluateNode(
        node,
        node.inputs.map((name) => known.get(name)!),
        { opset: model.opsets.get('') ?? 1 },
      )
      const [result] = results ?? []
      if (!result) continue
      known.set(node.outputs[0]!, { ...result, name: node.outputs[0]! })
      fromBits.add(node.outputs[0]!)
      chain.add(node)
    }
    const nodes = graph.nodes.filter((node) => !chain.has(node))
    const initializers = new Map(graph.initializers)
    const read = new Set([...nodes.flatMap((node) => [...readsOf(node)]), ...graph.outputs.map(({ name }) => name)])
    const chained = new Set([...chain].flatMap(({ inputs }) => inputs))
    for (const name of chained) if (!read.has(name)) initializers.delete(name)
    const found = [...fromBits].filter((name) => read.has(name))
    for (const name of found) initializers.set(name, known.get(name)!)
    const applied = found.length
    const report = { id: this.id, applied, refused: [] }
    return { model: applied === 0 ? model : { ...model, graph: { ...graph, initializers, nodes } }, report }
  },
}
