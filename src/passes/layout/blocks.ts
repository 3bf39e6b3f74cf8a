import { intAttribute, isDepthwise, type Node, operatorName, type Tensor } from '../../ir/index.ts'

/** Channels that the runtime's blocked kernels compute at once where vectors are widest. */
export const BLOCK = 16

/** What the runtime makes a part of the convolution in front. */
export const ACTIVATIONS: ReadonlySet<string> = new Set([
  'Relu',
  'HardSwish',
  'HardSigmoid',
  'LeakyRelu',
  'Sigmoid',
  'Tanh',
  'Clip',
])

/** A convolution over height and width that has a blocked kernel: with one group, or one for each channel. */
export function isBlockedConv(node: Node, constant: (name: string) => Tensor | undefined): boolean {
  const weight = operatorName(node) === 'Conv' ? constant(node.inputs[1]!) : undefined
  if (weight?.dims.length !== 4) return false
  return intAttribute(node, 'group', 1) === 1 || isDepthwise(node, weight)
}
