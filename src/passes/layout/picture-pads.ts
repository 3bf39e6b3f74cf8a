import { intsAttribute, type Node, stringAttribute } from '../../ir/index.ts'

/**
 * Zeros at the top, left, bottom and right of what a convolution over pictures reads. `same` are those that SAME padding
 * adds to height and width; undefined where it is asked for and they hang on a size that is not known.
 */
export function picturePads(node: Node, same: readonly number[]): readonly number[]
export function picturePads(node: Node, same: readonly number[] | undefined): readonly number[] | undefined
export function picturePads(node: Node, same: readonly number[] | undefined): readonly number[] | undefined {
  const computed = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (computed === 'VALID') return [0, 0, 0, 0]
  if (!computed.startsWith('SAME')) return intsAttribute(node, 'pads', [0, 0, 0, 0])
  if (!same) return undefined
  const half = same.map((pads) => Math.floor(pads / 2))
  const rest = same.map((pads) => Math.ceil(pads / 2))
  return computed === 'SAME_UPPER' ? [...half, ...rest] : [...rest, ...half]
}
