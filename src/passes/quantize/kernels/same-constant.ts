import { tensorBytes } from '../../../ir/index.ts'
import type { RuleContext } from '../../../rewrite/index.ts'

/** Whether two inputs are the same constant. */
export function sameConstant(a: string | undefined, b: string | undefined, { constant }: RuleContext): boolean {
  if (a === b) return true
  const [left, right] = [constant(a ?? ''), constant(b ?? '')]
  if (!left || !right || left.dtype !== right.dtype || left.dims.join() !== right.dims.join()) return false
  const [x, y] = [tensorBytes(left), tensorBytes(right)]
  return x.length === y.length && x.every((value, i) => value === y[i])
}
