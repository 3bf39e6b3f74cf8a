import type { DType } from './dtype.ts'
import type { Shape, ValueType } from './model.ts'

/** The shape of a value of this type; null where it is no tensor, or even its rank is unknown. */
export const tensorShape = (type: ValueType | undefined): Shape | null => (type?.kind === 'tensor' ? type.shape : null)

/** The type of the elements of a value of this type; undefined where it is no tensor. */
export const tensorDtype = (type: ValueType | undefined): DType | undefined =>
  type?.kind === 'tensor' ? type.dtype : undefined
