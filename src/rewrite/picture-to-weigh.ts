import { tensorShape, type ValueType } from '../ir/index.ts'

/** Height or width of a picture whose size is told only when the model runs. */
const UNTOLD = 64

/** Height and width of a picture of rank 4, by which costs are weighed: 64 each where it is not known. */
export function pictureToWeigh(type: ValueType | undefined): readonly [height: number, width: number] {
  const shape = tensorShape(type)
  const [height, width] = [2, 3].map((axis) => shape?.[axis])
  return [typeof height === 'number' ? height : UNTOLD, typeof width === 'number' ? width : UNTOLD]
}
