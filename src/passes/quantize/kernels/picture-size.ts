import type { RuleContext } from '../../../rewrite/index.ts'

/** Height and width of a value of rank 4; undefined where they are not known. */
export function pictureSize(
  name: string,
  { types }: RuleContext,
): readonly [height: number, width: number] | undefined {
  const type = types.get(name)
  const [height, width] = type?.kind === 'tensor' && type.shape?.length === 4 ? type.shape.slice(2) : []
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined
}
