import { softmax } from '../probabilities.ts'
import type { Detection } from './boxes.ts'
import { boxesAndScores, cannot, type Decoder } from './decoder.ts'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/**
 * Transformers that answer a list of queries: boxes [queries, 4] of centre and size as shares of the input, and a logit
 * for each class [queries, classes].
 */
const queries =
  (probabilities: (logits: Float64Array) => ArrayLike<number>, nothing: number): Decoder =>
  (outputs, { size, score: least }) => {
    const pair = boxesAndScores(outputs, 1)
    if (!pair) throw cannot('no outputs are [queries, 4] and [queries, classes]')
    const { boxes, scores: logits } = pair
    if (!size) throw cannot('boxes are shares of an input whose size is not known')
    const [height, width] = size
    const found: Detection[] = []
    for (let query = 0; query < boxes.rows; query++) {
      const of = Float64Array.from({ length: logits.columns }, (_, c) => logits.data[query * logits.columns + c]!)
      const scores = probabilities(of)
      const [x, y, w, h] = [0, 1, 2, 3].map((at) => boxes.data[4 * query + at]!) as [number, number, number, number]
      const box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height] as const
      for (let label = 0; label < logits.columns - nothing; label++)
        if (scores[label]! >= least) found.push({ box, label, score: scores[label]! })
    }
    return found
  }

/**
 * DETR, YOLOS and Table Transformer: the last class of the softmax is "nothing".
 *
 * Source: N. Carion et al., End-to-End Object Detection with Transformers, arXiv 2005.12872 (2020), section 3.
 */
export const detr = queries(softmax, 1)

/** RT-DETR, Deformable and Conditional DETR: every class is asked for itself. */
export const rtdetr = queries((logits) => logits.map(sigmoid), 0)
