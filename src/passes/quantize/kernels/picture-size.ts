import { tensorShape } from '../../../ir/index.ts'
import type { RuleContext } from '../../../rewrite/index.ts'

/** Height and width of a value of rank 4; undefined where they are not known. */
export function pictureSize(
  name: string,
  { types }: RuleContext,
): readonly [height: number, width: number] | undefined {
  const shape = tensorShape(types.get(name))
  const [height, width] = shape?.length === 4 ? shape.slice(2) : []
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined
}
