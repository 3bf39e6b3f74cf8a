import { softmax } from '../probabilities.ts'
import type { Box, Detection } from './boxes.ts'
import { boxesAndScores, cannot, type Decoder } from './decoder.ts'

/** Boxes of centre and size as shares of the input, and what stands for the classes of each: both row by row. */
type Queries = NonNullable<ReturnType<typeof boxesAndScores>>

/** How logits of a query become scores of its classes. */
export interface QueryForm {
  readonly probabilities: (logits: Float64Array) => ArrayLike<number>
  /** Columns behind the classes. */
  readonly nothing: number
}

/**
 * DETR, YOLOS and Table Transformer: the last class of the softmax is "nothing".
 *
 * Source: N. Carion et al., End-to-End Object Detection with Transformers, arXiv 2005.12872 (2020), section 3.
 */
export const NOTHING_IS_A_CLASS: QueryForm = { probabilities: (logits) => softmax(logits), nothing: 1 }

/** RT-DETR, Deformable and Conditional DETR: every class is asked for itself. */
export const CLASSES_ALONE: QueryForm = { probabilities: (logits) => logits.map(sigmoid), nothing: 0 }

/** Every class of every query with this score at least, in the order of queries; boxes are shares of the input. */
export function boxesOfQueries({ boxes, scores: logits }: Queries, form: QueryForm, least: number): Detection[] {
  const found: Detection[] = []
  for (let query = 0; query < boxes.rows; query++) {
    const of = Float64Array.from({ length: logits.columns }, (_, c) => logits.data[query * logits.columns + c]!)
    const scores = form.probabilities(of)
    for (let label = 0; label < logits.columns - form.nothing; label++)
      if (scores[label]! >= least) found.push({ box: cornersAt(boxes.data, 4 * query), label, score: scores[label]! })
  }
  return found
}

function cornersAt(data: ArrayLike<number>, at: number): Box {
  const [x, y, width, height] = [0, 1, 2, 3].map((column) => data[at + column]!) as [number, number, number, number]
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
}

/**
 * Transformers that answer a list of queries: boxes [queries, 4] of centre and size as shares of the input, and a logit
 * for each class [queries, classes].
 */
const queries =
  (form: QueryForm): Decoder =>
  (outputs, { size, score }) => {
    const pair = boxesAndScores(outputs, 1)
    if (!pair) throw cannot('no outputs are [queries, 4] and [queries, classes]')
    if (!size) throw cannot('boxes are shares of an input whose size is not known')
    const [height, width] = size
    return boxesOfQueries(pair, form, score).map(({ box: [left, top, right, bottom], ...found }) => ({
      ...found,
      box: [left * width, top * height, right * width, bottom * height] as const,
    }))
  }

export const detr = queries(NOTHING_IS_A_CLASS)
export const rtdetr = queries(CLASSES_ALONE)

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
