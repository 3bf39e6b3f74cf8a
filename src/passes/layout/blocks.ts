import { intAttribute, type Node, type Tensor } from '../../ir/index.ts'

/** Channels that the runtime's blocked kernels compute at once where vectors are widest. */
export const BLOCK = 16

/** A convolution of one input and one output channel a group. */
export const isChannelwise = (conv: Node, weight: Tensor): boolean =>
  weight.dims[1] === 1 && weight.dims[0]! > 1 && intAttribute(conv, 'group', 1) === weight.dims[0]
