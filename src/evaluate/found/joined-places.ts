import type { TensorValue } from '../../engine/index.ts'
import { suppress, USUAL_SUPPRESSION } from '../metric/detection/boxes.ts'
import { boxesAt, type PlacedBox, type Places, placesOf } from '../metric/detection/yolo.ts'
import { isProbability } from '../metric/probabilities.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { type FoundLayout, LEAST_SCORE, MOST_BOXES, SAME_SCORE } from './found-lists.ts'

const [WIDTH, HEIGHT] = [2, 3]
/** Where scores begin: with that of there being anything, or with those of classes. */
export const SCORES = 4

/**
 * The ways in which an output may be the boxes and scores of every place, decoded and joined, as YOLO's exports are (see
 * `boxesAt`): boxes in pixels beside probabilities. Next to hundreds of pixels scores are no part of the signal: all of them
 * may be lost and the output still keep 40 dB. So its doubles are suppressed, and what remains is counted.
 */
export function joinedLayouts(outputs: RowOutputs): readonly FoundLayout[] {
  const names = Object.keys(outputs).filter((name) => joinedPlaces(outputs[name]!) !== null)
  return names.flatMap((name) =>
    [true, false].map((objectness) => ({
      outputs: [name],
      read: (row: RowOutputs) => {
        const places = row[name] ? placesOf(row[name]) : null
        return places && keptAt(places, objectness)
      },
      evidence: (row: RowOutputs) => {
        const places = joinedPlaces(row[name]!)
        return places && signsOfObjectness(places) * (objectness ? 1 : -1)
      },
    })),
  )
}

/** Boxes that remain of all places, the best first; null where no column is left for a class. */
export function keptAt(places: Places, objectness: boolean): readonly PlacedBox[] | null {
  const found = boxesAt(places, { objectness }, LEAST_SCORE - SAME_SCORE)
  return found && suppress(found, USUAL_SUPPRESSION, MOST_BOXES)
}

/** The places of an output that holds boxes in pixels beside probabilities; null where it is something else. */
export function joinedPlaces(value: TensorValue): Places | null {
  const places = placesOf(value)
  if (!places || places.columns <= SCORES) return null
  const { count, columns, data, placeStride, columnStride } = places
  let pixels = false
  for (let place = 0; place < count; place++) {
    const at = place * placeStride
    const [width, height] = [data[at + WIDTH * columnStride]!, data[at + HEIGHT * columnStride]!]
    if (!(width >= 0 && height >= 0)) return null
    pixels ||= width > 1 && height > 1
    for (let column = SCORES; column < columns; column++)
      if (!isProbability(data[at + column * columnStride]!)) return null
  }
  return pixels ? places : null
}

/**
 * Places where the first score is high, and another too, less those where it stands alone: it is how sure the model is that
 * there is anything (and then some class is likely), or a class as the others.
 */
export function signsOfObjectness({ count, columns, data, placeStride, columnStride }: Places): number {
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
