import type { Detection } from './boxes.ts'
import { cannot, type Decoder, gridOf, matrixOf, sizeFor } from './decoder.ts'

/**
 * YOLOX-like heads without anchors: one output [places, 5 + classes] with, for the cell (c, r) of a stride s,
 * centre = ((x + c) s, (y + r) s), size = (e^w s, e^h s), score = objectness × class probability.
 *
 * Source: Z. Ge et al., YOLOX, arXiv 2107.08430 (2021), and its published export.
 */
export const yolox: Decoder = (outputs, options) => {
  const found = Object.values(outputs)
    .map(matrixOf)
    .find((matrix) => matrix !== null && matrix.columns >= 6)
  if (!found) throw cannot('no output is [places, 5 + classes]')
  const { rows, columns, data } = found
  const size = sizeFor(rows, options)
  const detections: Detection[] = []
  let row = 0
  for (const stride of options.strides) {
    const [down, across] = gridOf(size, stride)
    for (let cell = 0; cell < down * across; cell++, row++) {
      const at = row * columns
      const object = data[at + 4]!
      if (object < options.score) continue
      const [x, y] = [(data[at]! + (cell % across)) * stride, (data[at + 1]! + Math.floor(cell / across)) * stride]
      const [w, h] = [Math.exp(data[at + 2]!) * stride, Math.exp(data[at + 3]!) * stride]
      for (let label = 0; label < columns - 5; label++) {
        const score = object * data[at + 5 + label]!
        if (score >= options.score) detections.push({ box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], label, score })
      }
    }
  }
  return detections
}
