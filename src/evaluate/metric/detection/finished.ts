import { isFloating } from '../../../ir/index.ts'
import { numbersOf } from '../../outputs/row-outputs.ts'
import type { Detection } from './boxes.ts'
import { cannot, type Decoder, matrixOf } from './decoder.ts'

/**
 * Detectors that end with their own suppression: one output [found, 6] with corners in pixels, score and class, or
 * boxes [found, 4] beside `scores` [found] and, with several classes, `labels` or `classes` [found].
 */
export const finished: Decoder = (outputs, options) => {
  const detections: Detection[] = []
  const add = (data: ArrayLike<number>, at: number, score: number, label: number) => {
    if (score >= options.score)
      detections.push({ box: [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!], label, score })
  }
  // A single find has lost its first axis: it looked like the batch.
  const matrices = Object.values(outputs).flatMap((value) =>
    value.dims.length === 1 && isFloating(value.dtype)
      ? { rows: 1, columns: value.data.length, data: numbersOf(value) }
      : (matrixOf(value) ?? []),
  )
  const rows = matrices.find(({ columns }) => columns === 6)
  if (rows) {
    for (let i = 0; i < rows.rows; i++) add(rows.data, 6 * i, rows.data[6 * i + 4]!, rows.data[6 * i + 5]!)
    return detections
  }
  const boxes = matrices.find(({ columns }) => columns === 4)
  const named = (pattern: RegExp) => {
    const entry = Object.entries(outputs).find(
      ([name, value]) => pattern.test(name) && value.dtype !== 'string' && value.data.length === boxes?.rows,
    )
    return entry && numbersOf(entry[1])
  }
  const scores = named(/score|conf/i)
  if (!boxes || !scores) throw cannot('no output is [found, 6], and none are boxes [found, 4] and scores [found]')
  const labels = named(/label|class/i)
  for (let i = 0; i < boxes.rows; i++) add(boxes.data, 4 * i, scores[i]!, Number(labels?.[i] ?? 0))
  return detections
}
