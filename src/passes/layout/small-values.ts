import { elementCount } from '../../ir/index.ts'
import type { RuleContext } from '../../rewrite/index.ts'

/** Below this many numbers more nodes cost more than what each of them saves. */
const FEW = 4096

/** Whether a value is known to hold few numbers, whatever the batch. */
export function isSmall(value: string, { types }: RuleContext): boolean {
  const type = types.get(value)
  if (type?.kind !== 'tensor' || !type.shape) return false
  const sizes = type.shape.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? 1 : Number.NaN))
  return elementCount(sizes) < FEW
}
