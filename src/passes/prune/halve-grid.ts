import { indexGraph, ints, type Model, type Node, readsOf } from '../../ir/index.ts'

/**
 * The model on a grid of half the resolution: the first convolutions on the way from the inputs step twice as far,
 *
 * y = Conv<strides: ints = [1,1]>(x, w)  →  y = Conv<strides: ints = [2,2]>(x, w)
 *
 * so that everything behind them has a quarter of the places (in pictures) and keeps its weights. It is another
 * function, to be learned again. Null where there is no convolution. Whether the outputs keep their sizes is for the
 * caller to see.
 */
export function halveGrid(model: Model): Model | null {
  const index = indexGraph(model.graph)
  const behind = new Map<Node, boolean>()
  const isConv = ({ opType, domain }: Node) => opType === 'Conv' && domain === ''
  // Nodes stand in topological order: what a node reads was looked at before it.
  for (const node of model.graph.nodes)
    behind.set(
      node,
      [...readsOf(node)].some((name) => {
        const producer = index.producer.get(name)
        return producer !== undefined && (isConv(producer) || behind.get(producer) === true)
      }),
    )
  const first = new Set(model.graph.nodes.filter((node) => isConv(node) && !behind.get(node)))
  if (first.size === 0) return null
  const nodes = model.graph.nodes.map((node) => {
    if (!first.has(node)) return node
    const axes = (model.graph.initializers.get(node.inputs[1]!)?.dims.length ?? 4) - 2
    const strides = node.attributes.get('strides')
    const old = strides?.type === 'ints' ? strides.value.map(Number) : Array<number>(axes).fill(1)
    return { ...node, attributes: new Map([...node.attributes, ['strides', ints(old.map((step) => 2 * step))]]) }
  })
  return { ...model, graph: { ...model.graph, nodes, valueInfos: new Map() } }
}
