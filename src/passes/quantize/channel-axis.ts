import { intAttribute, type Node, type Tensor } from '../../ir/index.ts'

/** The axis of the weights of a product that its output channels lie on; of a ConvTranspose in groups, that its groups do. */
export function channelAxis(node: Node, weight: Tensor): number {
  if (node.opType === 'Conv') return 0
  if (node.opType === 'ConvTranspose') return intAttribute(node, 'group', 1) === 1 ? 1 : 0
  if (node.opType === 'Gemm') return intAttribute(node, 'transB', 0) !== 0 ? 0 : 1
  return weight.dims.length - 1
}
