import { intAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import type { Tensor } from './tensor.ts'

/**
 * The axis of the weights of a Conv, ConvTranspose, Gemm or MatMul that its outputs lie on; of a ConvTranspose in groups,
 * that its groups do. Of the two axes of a matrix, and the first two of a convolution's filters, the other one is summed
 * over.
 */
export function outputsAxis(node: Node, { dims }: Pick<Tensor, 'dims'>): number {
  if (node.opType === 'Conv') return 0
  if (node.opType === 'ConvTranspose') return intAttribute(node, 'group', 1) === 1 ? 1 : 0
  if (node.opType === 'Gemm') return intAttribute(node, 'transB', 0) !== 0 ? 0 : 1
  return dims.length - 1
}
