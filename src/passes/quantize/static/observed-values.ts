import { type Graph, type GraphIndex, indexGraph, operatorName } from '../../../ir/index.ts'
import { productChannels } from '../units/product-channels.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import { unitAt } from '../units/unit.ts'

/** The values whose ranges static quantization of this graph may ask for. */
export function valuesToCalibrate(graph: Graph, facts: NodeFacts): readonly string[] {
  const index = indexGraph(graph)
  const names = new Set<string>()
  for (const node of graph.nodes) {
    const unit = unitAt(node, index, facts)
    if (!unit || 'refused' in unit) continue
    for (const name of [...unit.reads, ...unit.writes]) names.add(name)
    for (const name of unit.reads) for (const side of sidesOfChoice(name, index, facts)) names.add(side)
  }
  return [...names]
}

/** What a value is chosen from: scores and a mask, say, whose range alone tells nothing of the scores. */
function sidesOfChoice(name: string, index: GraphIndex, facts: NodeFacts): readonly string[] {
  const maker = index.producer.get(name)
  if (!maker || operatorName(maker) !== 'Where') return []
  return maker.inputs.slice(1).filter((side) => !facts.constant(side))
}

/** Where the channels of a value lie: on axis 1, or on the last one (−1), and then how many. */
export interface ChannelPlace {
  readonly axis: 1 | -1
  readonly width?: number | undefined
}

/** Where the channels of each of these values lie: on the last axis where a matrix product reads it, else on axis 1. */
export function channelPlaces(graph: Graph, facts: NodeFacts): ReadonlyMap<string, ChannelPlace> {
  const index = indexGraph(graph)
  const places = new Map<string, ChannelPlace>()
  for (const node of graph.nodes) {
    const unit = unitAt(node, index, facts)
    if (!unit || 'refused' in unit) continue
    if (node.opType !== 'MatMul' && node.opType !== 'Gemm') {
      for (const name of [...unit.reads, ...unit.writes]) if (!places.has(name)) places.set(name, { axis: 1 })
      continue
    }
    const weight = facts.constant(node.inputs[1]!)
    const width = weight && productChannels(node, weight)?.inputs
    if (width !== undefined) places.set(node.inputs[0]!, { axis: -1, width })
  }
  return places
}
