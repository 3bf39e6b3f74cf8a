import { elementCount, intAttribute, intsAttribute, type Node, stringAttribute, type Tensor } from '../../ir/index.ts'

/** A convolution whose every pixel is made of the one in the same place, and of all channels. */
export const isPointwise = (conv: Node, weight: Tensor): boolean =>
  elementCount(weight.dims.slice(2)) === 1 &&
  intAttribute(conv, 'group', 1) === 1 &&
  intsAttribute(conv, 'strides', []).every((step) => step === 1) &&
  intsAttribute(conv, 'pads', []).every((pad) => pad === 0)

/** Whether windows of a convolution or pool may reach beyond the picture at its border. */
export const isPadded = (node: Node): boolean =>
  intsAttribute(node, 'pads', []).some((pad) => pad !== 0) ||
  stringAttribute(node, 'auto_pad', 'NOTSET').startsWith('SAME')

export const hasGaps = (node: Node): boolean => intsAttribute(node, 'dilations', []).some((step) => step !== 1)
