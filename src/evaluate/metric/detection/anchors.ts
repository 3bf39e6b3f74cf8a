import { areProbabilities, softmax } from '../probabilities.ts'
import type { Box, Detection } from './boxes.ts'
import { boxesAndScores, cannot, type Decoder, type DecoderOptions, gridOf, sizeFor } from './decoder.ts'

/** How much offsets of centres and sizes were scaled down in training. */
const CENTRE_VARIANCE = 0.1
const SIZE_VARIANCE = 0.2

/**
 * SSD-like heads: scores [places, 1 + classes] with the background first, and boxes [places, 4]. Without `anchors` the
 * boxes are corners as shares of the input (a model that decodes for itself, as UltraFace's export); with them they are
 * offsets: centre = a + 0.1 o · |a|, size = |a| e^{0.2 o}.
 *
 * Source: W. Liu et al., SSD, arXiv 1512.02325 (2015), section 2.2.
 */
export const anchors: Decoder = (outputs, options) => {
  const found = boxesAndScores(outputs, 2)
  if (!found) throw cannot('no outputs are [places, 4] and [places, 1 + classes]')
  const { boxes, scores } = found
  const places = options.anchors ? anchorsOf(boxes.rows, options) : null
  const { size } = options
  if (!places && !size) throw cannot('boxes are shares of an input whose size is not known')
  const detections: Detection[] = []
  const rows = Array.from({ length: boxes.rows }, (_, row) =>
    Float64Array.from({ length: scores.columns }, (_, c) => scores.data[row * scores.columns + c]!),
  )
  const asTheyAre = areProbabilities(rows)
  for (const [row, values] of rows.entries()) {
    const probabilities = asTheyAre ? values : softmax(values)
    let box: Box | null = null
    for (let label = 1; label < scores.columns; label++) {
      const score = probabilities[label]!
      if (!(score >= options.score)) continue
      box ??= places ? shifted(places[row]!, boxes.data, row * 4) : scaled(boxes.data, row * 4, size!)
      // Class 0 of the labels is the first after the background.
      detections.push({ box, label: label - 1, score })
    }
  }
  return detections
}

function scaled(data: ArrayLike<number>, at: number, [height, width]: readonly [number, number]): Box {
  return [data[at]! * width, data[at + 1]! * height, data[at + 2]! * width, data[at + 3]! * height]
}

type Anchor = readonly [x: number, y: number, side: number]

function shifted([x, y, side]: Anchor, data: ArrayLike<number>, at: number): Box {
  const centreX = x + CENTRE_VARIANCE * data[at]! * side
  const centreY = y + CENTRE_VARIANCE * data[at + 1]! * side
  const width = side * Math.exp(SIZE_VARIANCE * data[at + 2]!)
  const height = side * Math.exp(SIZE_VARIANCE * data[at + 3]!)
  return [centreX - width / 2, centreY - height / 2, centreX + width / 2, centreY + height / 2]
}

/** Square anchors in the middle of every cell: heads, then cells row by row, then the sides of a cell. */
function anchorsOf(rows: number, options: DecoderOptions): readonly Anchor[] {
  const sides = options.anchors!
  if (sides.length !== options.strides.length)
    throw cannot(`${sides.length} lists of anchors for ${options.strides.length} strides`)
  const size = options.size ?? sizeFor(rows / sides[0]!.length, options)
  const result: Anchor[] = []
  for (const [head, stride] of options.strides.entries()) {
    const [down, across] = gridOf(size, stride)
    for (let cell = 0; cell < down * across; cell++)
      for (const side of sides[head]!)
        result.push([((cell % across) + 0.5) * stride, (Math.floor(cell / across) + 0.5) * stride, side])
  }
  if (result.length !== rows) throw cannot(`${result.length} anchors, and the model answers for ${rows}`)
  return result
}
