import type { TensorValue } from '../../engine/index.ts'
import { suppress, USUAL_SUPPRESSION } from '../metric/detection/boxes.ts'
import { boxesAt, type Places, placesOf } from '../metric/detection/yolo.ts'
import { isProbability } from '../metric/probabilities.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { type FoundLayout, LEAST_SCORE, SAME_SCORE } from './found-lists.ts'

/** Boxes of a class in an image that count, best first, as of COCO. */
const MOST = 100
const [WIDTH, HEIGHT, SCORES] = [2, 3, 4]

/**
 * The ways in which an output may be the boxes and scores of every place, decoded and joined, as YOLO's exports are (see
 * `boxesAt`): boxes in pixels beside probabilities. Next to hundreds of pixels scores are no part of the signal: all of them
 * may be lost and the output still keep 40 dB. So its doubles are suppressed, and what remains is counted.
 */
export function joinedLayouts(outputs: RowOutputs): readonly FoundLayout[] {
  const names = Object.keys(outputs).filter((name) => areJoined(outputs[name]!))
  return names.flatMap((name) =>
    [true, false].map((objectness) => ({
      outputs: [name],
      read: (row: RowOutputs) => {
        const places = row[name] ? placesOf(row[name]) : null
        const found = places && boxesAt(places, { objectness }, LEAST_SCORE - SAME_SCORE)
        return found && suppress(found, USUAL_SUPPRESSION, MOST)
      },
      evidence: (row: RowOutputs) =>
        areJoined(row[name]!) ? signsOfObjectness(placesOf(row[name]!)!) * (objectness ? 1 : -1) : null,
    })),
  )
}

/** Whether an output holds boxes in pixels beside probabilities, place by place. */
function areJoined(value: TensorValue): boolean {
  const places = placesOf(value)
  if (!places || places.columns <= SCORES) return false
  const { count, columns, data, placeStride, columnStride } = places
  let pixels = false
  for (let place = 0; place < count; place++) {
    const at = place * placeStride
    const [width, height] = [data[at + WIDTH * columnStride]!, data[at + HEIGHT * columnStride]!]
    if (!(width >= 0 && height >= 0)) return false
    pixels ||= width > 1 && height > 1
    for (let column = SCORES; column < columns; column++)
      if (!isProbability(data[at + column * columnStride]!)) return false
  }
  return pixels
}

/**
 * Places where the first score is high, and another too, less those where it stands alone: it is how sure the model is that
 * there is anything (and then some class is likely), or a class as the others.
 */
function signsOfObjectness({ count, columns, data, placeStride, columnStride }: Places): number {
  const high = (place: number, column: number) => data[place * placeStride + column * columnStride]! >= 0.5
  let signs = 0
  for (let place = 0; place < count; place++) {
    if (!high(place, SCORES)) continue
    let another = false
    for (let column = SCORES + 1; column < columns; column++) another ||= high(place, column)
    signs += another ? 1 : -1
  }
  return signs
}
