import type { DType } from './dtype.ts'
import type { Dim, Shape, ValueType } from './model.ts'

/** The shape of a value of this type; null where it is no tensor, or even its rank is unknown. */
export const tensorShape = (type: ValueType | undefined): Shape | null => (type?.kind === 'tensor' ? type.shape : null)

/** The type of the elements of a value of this type; undefined where it is no tensor. */
export const tensorDtype = (type: ValueType | undefined): DType | undefined =>
  type?.kind === 'tensor' ? type.dtype : undefined

/** The shape of a value of this type where its elements are float32; null for others, and where its rank is unknown. */
export const float32Shape = (type: ValueType | undefined): Shape | null =>
  tensorDtype(type) === 'float32' ? tensorShape(type) : null

/**
 * Whether a value of these sizes, null where one is not known, may stand where a shape is declared: as many axes, and
 * on each the declared number. Names of sizes and open ones take any; so does a shape that is not known.
 */
export const fitsShape = (sizes: readonly (number | null)[], declared: Shape | null): boolean =>
  declared === null ||
  (sizes.length === declared.length &&
    declared.every((dim, axis) => typeof dim !== 'number' || sizes[axis] === null || sizes[axis] === dim))

/** Whether two sizes are known to be the same: equal numbers, or one name. */
export const sameSize = (a: Dim | undefined, b: Dim | undefined): boolean => a !== undefined && a !== null && a === b

/** Whether two shapes are known to be the same, size by size. */
export const sameShape = (a: Shape | null, b: Shape | null): boolean =>
  a !== null && a.length === b?.length && a.every((size, axis) => sameSize(size, b[axis]))

/** `[batch,3,?]`: how messages write a shape. */
export const shapeText = (shape: Shape): string => `[${shape.map((dim) => dim ?? '?').join(',')}]`

/** Height and width of a value [N, C, H, W] of this type; undefined where it is none, or they are not known. */
export function pictureSize(type: ValueType | undefined): readonly [height: number, width: number] | undefined {
  const shape = tensorShape(type)
  const [height, width] = shape?.length === 4 ? shape.slice(2) : []
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined
}
