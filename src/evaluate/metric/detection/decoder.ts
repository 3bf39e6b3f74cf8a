import type { TensorValue } from '../../../engine/index.ts'
import { elementCount, isFloating } from '../../../ir/index.ts'
import { UserError } from '../../../platform/index.ts'
import { numbersOf } from '../../outputs/row-outputs.ts'
import type { MetricRow } from '../metric.ts'
import type { Detection } from './boxes.ts'

/** What a decoder may be told; `detection:yolox,size=416x416,score=0.05`. */
export interface DecoderOptions {
  /** Height and width of the model's input in pixels. */
  readonly size?: readonly [height: number, width: number]
  /** Scores below this are not looked at. */
  readonly score: number
  /** Pixels of the input a cell, by head. */
  readonly strides: readonly number[]
  /** Sides in pixels of the anchors of a cell, by head; with it, boxes are offsets to anchors. */
  readonly anchors: readonly (readonly number[])[] | null
  /** How many classes a place has, where more stands behind them. */
  readonly classes?: number
}

/** Outputs of one image to boxes with scores, before suppression. */
export type Decoder = (outputs: MetricRow['outputs'], options: DecoderOptions) => readonly Detection[]

const wide = ({ dims }: TensorValue): readonly number[] => dims.filter((dim) => dim !== 1)

/** Rows and columns of an output that is a matrix (axes of 1 allowed, also a last one of `columns`); else null. */
export function matrixOf(value: TensorValue): { rows: number; columns: number; data: ArrayLike<number> } | null {
  if (!isFloating(value.dtype) || value.dims.length < 2) return null
  const columns = value.dims.at(-1)!
  const rows = elementCount(value.dims.slice(0, -1))
  return wide(value).length <= 2 ? { rows, columns, data: numbersOf(value) } : null
}

const CALLED_BOXES = /box|loc|reg/i

/** Boxes [places, 4] and the matrix of as many rows and at least so many columns that tells of their classes, where there are both. */
export function boxesAndScores(outputs: MetricRow['outputs'], leastColumns: number) {
  const matrices = Object.entries(outputs).flatMap(([name, value]) => {
    const matrix = matrixOf(value)
    return matrix ? [{ ...matrix, name }] : []
  })
  // Four classes, or three and the background, are four columns as well: what is called a box comes first.
  const fours = matrices.filter(({ columns }) => columns === 4)
  const boxes = fours.find(({ name }) => CALLED_BOXES.test(name)) ?? fours[0]
  const scores = matrices.find(
    (matrix) => matrix !== boxes && matrix.rows === boxes?.rows && matrix.columns >= leastColumns,
  )
  return boxes && scores ? { boxes, scores } : null
}

/** Cells of a feature map of one stride: rows and columns. */
export const gridOf = ([height, width]: readonly [number, number], stride: number): readonly [number, number] => [
  Math.ceil(height / stride),
  Math.ceil(width / stride),
]

/** The size that was said, or the square that has this many cells over all strides. */
export function sizeFor(cells: number, { size, strides }: DecoderOptions): readonly [number, number] {
  const count = (candidate: readonly [number, number]) =>
    strides.reduce((sum, stride) => {
      const [rows, columns] = gridOf(candidate, stride)
      return sum + rows * columns
    }, 0)
  if (size) {
    if (count(size) === cells) return size
    throw cannot(`an input of ${size[0]}×${size[1]} has ${count(size)} places, and the model answers for ${cells}`)
  }
  const step = strides[0]!
  for (let side = step; side <= 4096; side += step) if (count([side, side]) === cells) return [side, side]
  throw cannot(`no square input has ${cells} places at strides ${strides.join(', ')}`)
}

export const cannot = (problem: string) =>
  new UserError('bad-argument', `the detections cannot be decoded: ${problem}`, {
    where: '--metric detection',
    hint: 'say the size of the input and the strides, for example --metric detection:yolox,size=416x416,strides=8/16/32',
  })
