import { isDepthwise, type Node, type Tensor } from '../../../../ir/index.ts'
import { type ChannelWeights, quantizeChannels } from '../../codes/channel-weights.ts'
import { MOST_PAIR } from '../../codes/kernel-pairs.ts'
import { learnedChannels } from '../../codes/learned-weights.ts'
import { mostCode } from '../../units/plan-options.ts'
import type { StaticPlan } from '../static-plan.ts'
import { weightLayout, weightsOnce } from './weights-ahead.ts'

/** The weights of a product, and what their codes must allow. */
interface Weights {
  /** As the model has them. */
  readonly values: Float32Array
  /** Under the factors of the node and of the channels around it: `values` itself where all are 1. */
  readonly scaled: Float32Array
  /** The least scale of each channel that holds its bias. */
  readonly atLeast: Float32Array | undefined
  /** Whether no two products that a kernel adds in 16 bits may exceed them. */
  readonly pairSafe: boolean
  /** The largest code that each weight meets, as a share of 255, where that was seen and counts. */
  readonly reached: Float64Array | undefined
}

/**
 * Codes and scales of a product's weights by the plan: as they were learned where that holds, as they were made ahead
 * where nothing asks for others, else by `quantizeChannels`.
 */
export function productWeights(
  plan: StaticPlan,
  node: Node,
  weight: Tensor,
  { values, scaled, atLeast, pairSafe, reached }: Weights,
): ChannelWeights {
  const { dims, axis, inOrder } = weightLayout(node, weight)
  const most = mostCode(plan)
  // Depthwise kernels widen before they multiply.
  const widens = node.opType === 'Conv' && isDepthwise(node, weight)
  const mayLeave = pairSafe && 2 * most > MOST_PAIR && !widens
  const pairs = mayLeave ? (inOrder ? 'neighbours' : 'any') : undefined
  const balanced = plan.balanceSums && inOrder
  // What is known of weights holds for them as they stand; a bias or a kernel may ask for more than it knew of.
  const asTheyStand = scaled === values && !pairs
  const learned = asTheyStand ? plan.learned.get(node.inputs[1]!) : undefined
  return (
    learnedChannels(values, dims, axis, learned, { atLeast, most }) ??
    (asTheyStand ? weightsOnce(weight, { dims, axis }, { balanced, most }, atLeast) : undefined) ??
    quantizeChannels(scaled, dims, axis, { pairSafe: pairs, reached, balanced, most, atLeast })
  )
}
