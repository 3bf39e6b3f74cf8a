import { intAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import type { Tensor } from './tensor.ts'

/**
 * Whether a convolution is depthwise: each output channel has one filter, over the input channel of the same place. One
 * of a single channel is that, too, and dense as well.
 */
export const isDepthwise = (conv: Node, weight: Tensor): boolean =>
  weight.dims[1] === 1 && intAttribute(conv, 'group', 1) === weight.dims[0]
