import { intsAttribute } from './attribute.ts'
import type { Node } from './model.ts'

/** Which axis of its input each axis of a Transpose's output is; all of them the other way round unless it says so. */
export const transposeOrder = (node: Node, rank: number): readonly number[] =>
  intsAttribute(node, 'perm', undefined) ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
