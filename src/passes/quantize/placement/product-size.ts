import { elementCount, isDepthwise, type Node, nodeLabel, type Tensor } from '../../../ir/index.ts'
import { channelAxis } from '../channel-axis.ts'
import { tiledShare } from '../kernels/tile-outputs.ts'
import { tilesOf } from '../kernels/tiles.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import type { Unit } from '../units/unit.ts'
import type { ProductSize } from './kernel-costs.ts'

/** The sizes that decide what a product costs; `elements` counts those of a value. */
export function productSize(unit: Unit, facts: NodeFacts, elements: (value: string) => number): ProductSize {
  const { node } = unit
  const outputs = elements(unit.writes[0]!)
  const weight = facts.constant(node.inputs[1] ?? '')
  if (!weight) {
    // Two activations M×K and K×N: K = √(MK·KN / MN) where one matrix is multiplied, and about that otherwise.
    const macs = Math.sqrt((elements(node.inputs[0]!) * elements(node.inputs[1]!)) / Math.max(1, outputs))
    return { outputs, channels: 16, macs, window: 1 }
  }
  const channels = weight.dims[channelAxis(node, weight)]!
  if (node.opType === 'Conv') {
    const [macs, window] = [elementCount(weight.dims.slice(1)), elementCount(weight.dims.slice(2))]
    return { outputs, channels, macs, window, tiled: shareInTiles(node, weight, facts) }
  }
  if (node.opType === 'ConvTranspose') {
    const tiles = tilesOf(node, weight)
    if (typeof tiles === 'string') throw new Error(`internal: no tiles for ${nodeLabel(node)}`)
    const window = elementCount(tiles.taps)
    const grown = { outputs, channels: channels * elementCount(tiles.step), window }
    return isDepthwise(node, weight)
      ? { ...grown, macs: window, transposedDepthwise: true }
      : { ...grown, macs: weight.dims[0]! * window }
  }
  return { outputs, channels, macs: elementCount(weight.dims.slice(-2)) / channels, window: 1 }
}

function shareInTiles(node: Node, weight: Tensor, { shape }: NodeFacts): number {
  const sides = shape?.(node.outputs[0]!)?.slice(2) ?? []
  const [height, width] = sides.filter((side) => typeof side === 'number')
  return sides.length === 2 && height !== undefined && width !== undefined
    ? tiledShare(node, weight, [height, width])
    : 1
}
