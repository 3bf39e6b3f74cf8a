import {
  elementCount,
  floatAttribute,
  type Model,
  magnitudes,
  type Node,
  operatorName,
  outputsAxis,
  type Tensor,
  tensorValues,
} from '../../../../ir/index.ts'
import { type ChannelWeights, quantizeChannels } from '../../codes/channel-weights.ts'
import { balances, mostCode, type PlanOptions } from '../../units/plan-options.ts'
import type { NodeFacts } from '../../units/quantize-rules.ts'

/** How the weights of a product lie, as `quantizeChannels` takes them. */
interface WeightLayout {
  readonly dims: readonly number[]
  readonly axis: number
  /** Whether kernels add up the weights of a channel in the order in which they lie here. */
  readonly inOrder: boolean
}

/** One scale an output channel; one for all of the weights where a MatMul has several matrices. */
export function weightLayout(node: Node, weight: Tensor): WeightLayout {
  const { dims } = weight
  if (node.opType === 'MatMul' && dims.length > 2) return { dims: [1, elementCount(dims)], axis: 0, inOrder: false }
  // The kernel of a ConvTranspose pairs what lies far apart here.
  return { dims, axis: outputsAxis(node, weight), inOrder: node.opType !== 'ConvTranspose' }
}

interface Rounding {
  readonly balanced: boolean
  readonly most: number
}

/** Codes of a weight with the magnitudes that their scales come from. */
interface KnownWeights extends ChannelWeights {
  readonly largest: Float64Array
}

/** A weight never changes, and every calibration and placement asks for the same codes of it. */
const known = new WeakMap<Tensor, Map<string, KnownWeights>>()

/** What `quantizeChannels` makes of a weight as it stands, made once. */
export function weightsAsTheyStand(
  weight: Tensor,
  { dims, axis }: Pick<WeightLayout, 'dims' | 'axis'>,
  { balanced, most }: Rounding,
): KnownWeights {
  const key = [axis, dims.length, balanced, most].join(' ')
  let codes = known.get(weight)
  if (!codes) known.set(weight, (codes = new Map()))
  let own = codes.get(key)
  if (!own) {
    const values = tensorValues(weight) as Float32Array
    own = { ...quantizeChannels(values, dims, axis, { balanced, most }), largest: magnitudes(values, dims, axis) }
    codes.set(key, own)
  }
  return own
}

/** The same; undefined where lower bounds of the scales, one a channel, ask for other codes. */
export function weightsOnce(
  weight: Tensor,
  layout: Pick<WeightLayout, 'dims' | 'axis'>,
  rounding: Rounding,
  atLeast: ArrayLike<number> = [],
): ChannelWeights | undefined {
  const { largest, ...made } = weightsAsTheyStand(weight, layout, rounding)
  return largest.every((size, c) => (atLeast[c] ?? 0) <= size / rounding.most) ? made : undefined
}

/**
 * Codes the weights that static quantization by these options is going to ask for, one a step: it needs no ranges for
 * that, and can do so while others look at rows.
 */
export function* weightsAhead(model: Model, facts: NodeFacts, options: PlanOptions): Generator<void> {
  const most = mostCode(options)
  for (const node of model.graph.nodes) {
    if (!['Conv', 'Gemm', 'MatMul'].includes(operatorName(node))) continue
    const weight = facts.constant(node.inputs[1] ?? '')
    if (weight?.dtype !== 'float32' || weight.dims.length < 2 || floatAttribute(node, 'alpha', 1) !== 1) continue
    const layout = weightLayout(node, weight)
    weightsAsTheyStand(weight, layout, { balanced: balances(options) && layout.inOrder, most })
    yield
  }
}
