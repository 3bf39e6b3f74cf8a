import { type Node, tensorBytes } from '../../../ir/index.ts'
import type { RuleContext } from '../../../rewrite/index.ts'

/** Whether two conversions have the same constant scale and zero point. */
export const sameScale = (one: Node, other: Node, context: RuleContext): boolean =>
  [1, 2].every((slot) => sameConstant(one.inputs[slot], other.inputs[slot], context))

function sameConstant(a: string | undefined, b: string | undefined, { constant }: RuleContext): boolean {
  if (a === b) return true
  const [left, right] = [constant(a ?? ''), constant(b ?? '')]
  if (!left || !right || left.dtype !== right.dtype || left.dims.join() !== right.dims.join()) return false
  const [x, y] = [tensorBytes(left), tensorBytes(right)]
  return x.length === y.length && x.every((value, i) => value === y[i])
}
