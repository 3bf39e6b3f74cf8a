/*
 * y = Conv<strides = [1, 1]>(x, w)   ⇒   y = Conv<strides = [2, 2]>(x, w)          and so on, `times` times over
 * The first convolutions on the way from the inputs step twice as far, so that everything behind them has a quarter of
 * the places (in pictures) and keeps its weights. It is another function, to be learned again.
 * Illegal: a model without a convolution. Whether the outputs keep their sizes is for the caller to see.
 * Source: a convolution has a weight for each place of its window, and none for places of the picture.
 */
import { indexGraph, ints, intsAttribute, type Model, type Node, readsOf } from '../../ir/index.ts'
import { exactly, integer, optional, within } from '../../report/index.ts'
import type { Pass } from '../../rewrite/index.ts'

/**
 * The model on a grid of half the resolution, `times` times. Null where there is no convolution. Whether the outputs
 * keep their sizes is for the caller to see.
 */
export function onHalfGrid(model: Model, times = 1): Model | null {
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
    const old = intsAttribute(node, 'strides', Array<number>(axes).fill(1))
    return {
      ...node,
      attributes: new Map([...node.attributes, ['strides', ints(old.map((step) => step * 2 ** times))]]),
    }
  })
  return { ...model, graph: { ...model.graph, nodes, valueInfos: new Map() } }
}

interface HalveGridOptions {
  readonly times?: number
}

export const halveGrid: Pass<HalveGridOptions> = {
  id: 'halveGrid',
  summary: 'Lets the first convolutions step twice as far, so that everything behind them has fewer places.',
  options: exactly<HalveGridOptions>({ times: optional(within(integer, 1)) }),
  run(model, { times = 1 }) {
    const half = onHalfGrid(model, times)
    if (half) return { model: half, report: { id: this.id, applied: 1, refused: [] } }
    const refused = [{ node: model.graph.name, reason: 'there is no convolution' }]
    return { model, report: { id: this.id, applied: 0, refused } }
  },
}
