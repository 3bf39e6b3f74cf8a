import { elementCount, isDepthwise, type Node, nodeLabel, outputsAxis, type Tensor } from '../../../ir/index.ts'
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
    // Two activations M×K and K×N: K = √(MK·KN / MN) where one matrix is multiplied, and more than that otherwise.
    const [left, weights] = [elements(node.inputs[0]!), elements(node.inputs[1]!)]
    const inner = facts.shape?.(node.inputs[0]!)?.at(-1)
    const macs = typeof inner === 'number' ? inner : Math.sqrt((left * weights) / Math.max(1, outputs))
    // As many columns as there are outputs to a row of the left side.
    return { outputs, channels: Math.max(1, (outputs * macs) / Math.max(1, left)), macs, window: 1, weights }
  }
  const channels = weight.dims[outputsAxis(node, weight)]!
  const weights = elementCount(weight.dims)
  if (node.opType === 'Conv') {
    const [macs, window] = [elementCount(weight.dims.slice(1)), elementCount(weight.dims.slice(2))]
    return { outputs, channels, macs, window, weights, tiled: shareInTiles(node, weight, facts) }
  }
  if (node.opType === 'ConvTranspose') {
    const tiles = tilesOf(node, weight)
    if (typeof tiles === 'string') throw new Error(`internal: no tiles for ${nodeLabel(node)}`)
    const window = elementCount(tiles.taps)
    const grown = { outputs, channels: channels * elementCount(tiles.step), window, weights }
    return isDepthwise(node, weight)
      ? { ...grown, macs: window, transposedDepthwise: true }
      : { ...grown, macs: weight.dims[0]! * window }
  }
  return { outputs, channels, macs: elementCount(weight.dims.slice(-2)) / channels, window: 1, weights }
}

function shareInTiles(node: Node, weight: Tensor, { shape }: NodeFacts): number {
  const sides = shape?.(node.outputs[0]!)?.slice(2) ?? []
  const [height, width] = sides.filter((side) => typeof side === 'number')
  return sides.length === 2 && height !== undefined && width !== undefined
    ? tiledShare(node, weight, [height, width])
    : 1
}
