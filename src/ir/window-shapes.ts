import { intAttribute, intsAttribute, stringAttribute } from './attribute.ts'
import type { Attribute, Node } from './model.ts'
import { elementCount, type Tensor } from './tensor.ts'

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

/** Whether the taps of a convolution or pool have gaps between them. */
export const hasGaps = (node: Node): boolean => intsAttribute(node, 'dilations', []).some((step) => step !== 1)

/** A convolution of two axes over all channels at every place: no groups, steps, gaps or padding by itself. */
export const isPlainConv = (node: Node): boolean =>
  intAttribute(node, 'group', 1) === 1 &&
  ['strides', 'dilations'].every((name) => intsAttribute(node, name, [1, 1]).every((value) => value === 1)) &&
  ['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))

/** The attributes of a pool that a convolution with the same windows has as well. */
export const windowAttributes = (pool: Node): Readonly<Record<string, Attribute>> =>
  Object.fromEntries([...pool.attributes].filter(([name]) => name !== 'ceil_mode' && name !== 'count_include_pad'))

/** How the windows of a convolution lie over the places of a picture. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Before all axes, then behind them. */
  readonly pads: readonly number[]
}

/**
 * The windows of a Conv or pool with kernels of this size; null where their place hangs on the size of the picture
 * (`auto_pad`). Pads beside `VALID` count for nothing, as in ONNX.
 */
export function windowsOf(conv: Node, kernel: readonly number[]): Windows | null {
  const auto = stringAttribute(conv, 'auto_pad', 'NOTSET')
  if (auto !== 'NOTSET' && auto !== 'VALID') return null
  const ones = kernel.map(() => 1)
  const zeros = [...kernel, ...kernel].map(() => 0)
  return {
    kernel,
    strides: intsAttribute(conv, 'strides', ones),
    dilations: intsAttribute(conv, 'dilations', ones),
    pads: auto === 'VALID' ? zeros : intsAttribute(conv, 'pads', zeros),
  }
}
