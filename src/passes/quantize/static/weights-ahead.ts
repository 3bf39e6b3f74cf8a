import {
  elementCount,
  floatAttribute,
  type Model,
  type Node,
  operatorName,
  type Tensor,
  tensorValues,
} from '../../../ir/index.ts'
import { channelAxis } from '../channel-axis.ts'
import { type ChannelWeights, magnitudes, quantizeChannels } from '../channel-weights.ts'
import { balances, mostCode, type PlanOptions } from '../units/plan-options.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'

/** How the weights of a product lie, as `quantizeChannels` takes them. */
interface WeightLayout {
  readonly dims: readonly number[]
  readonly axis: number
}

/** One scale an output channel; one for all of the weights where a MatMul has several matrices. */
export function weightLayout(node: Node, weight: Tensor): WeightLayout {
  if (node.opType !== 'MatMul' || weight.dims.length <= 2) return { dims: weight.dims, axis: channelAxis(node, weight) }
  return { dims: [1, elementCount(weight.dims)], axis: 0 }
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

/**
 * What `quantizeChannels` makes of a weight as it stands, made once; undefined where the lower bounds of the scales ask
 * for other codes.
 */
export function weightsOnce(
  weight: Tensor,
  { dims, axis }: WeightLayout,
  { balanced, most }: Rounding,
  atLeast: ArrayLike<number> = [],
): ChannelWeights | undefined {
  const key = [axis, dims.length, balanced, most].join(' ')
  let codes = known.get(weight)
  if (!codes) known.set(weight, (codes = new Map()))
  let own = codes.get(key)
  if (!own) {
    const values = tensorValues(weight) as Float32Array
    own = { ...quantizeChannels(values, dims, axis, { balanced, most }), largest: magnitudes(values, dims, axis) }
    codes.set(key, own)
  }
  const { largest, ...made } = own
  return largest.every((size, c) => (atLeast[c] ?? 0) <= size / most) ? made : undefined
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
    const balanced = balances(options) && layout.dims === weight.dims
    weightsOnce(weight, layout, { balanced, most })
    yield
  }
}
