import type { TensorValue } from '../../../engine/index.ts'
import type { Detection } from './boxes.ts'
import { cannot, type Decoder, matrixOf } from './decoder.ts'

/** Centre and size, in pixels of the input. */
const BOX_COLUMNS = 4

/** The numbers of one place after the other, wherever they stand in the output. */
export interface Places {
  readonly count: number
  readonly columns: number
  at(place: number, column: number): number
}

/** An output [places, columns] or [columns, places], of which there are more places; null where it is no such matrix. */
export function placesOf(value: TensorValue): Places | null {
  const matrix = matrixOf(value)
  if (!matrix) return null
  const { rows, columns, data } = matrix
  return rows >= columns
    ? { count: rows, columns, at: (place, column) => data[place * columns + column]! }
    : { count: columns, columns: rows, at: (place, column) => data[column * columns + place]! }
}

/** What stands behind the box of a place. */
export interface PlaceForm {
  /** How sure it is that there is anything at all, which the probabilities of classes are multiplied by. */
  readonly objectness: boolean
  /** Classes; absent where they are all that is left. */
  readonly classes?: number
}

/** Boxes of every class with this score at least, before suppression; null where there is no column for a class. */
export function boxesAt(places: Places, { objectness, classes }: PlaceForm, least: number): Detection[] | null {
  const first = objectness ? BOX_COLUMNS + 1 : BOX_COLUMNS
  const behind = classes === undefined ? places.columns : first + classes
  if (first >= behind || behind > places.columns) return null
  const found: Detection[] = []
  for (let place = 0; place < places.count; place++) {
    const object = objectness ? places.at(place, BOX_COLUMNS) : 1
    if (object < least) continue
    for (let column = first; column < behind; column++) {
      const score = object * places.at(place, column)
      if (!(score >= least)) continue
      const [x, y, width, height] = [0, 1, 2, 3].map((at) => places.at(place, at)) as [number, number, number, number]
      const box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2] as const
      found.push({ box, label: column - first, score })
    }
  }
  return found
}

const joined =
  (objectness: boolean): Decoder =>
  (outputs, { score, classes }) => {
    const form = { objectness, ...(classes === undefined ? {} : { classes }) }
    for (const value of Object.values(outputs)) {
      const places = placesOf(value)
      const found = places && boxesAt(places, form, score)
      if (found) return found
    }
    throw cannot(`no output is [places, ${objectness ? 5 : 4} + ${classes ?? 'classes'}]`)
  }

/** Exports of YOLOv5 and v7: one output [places, 5 + classes] of centre, size, objectness and class probabilities. */
export const yolov5 = joined(true)

/**
 * Exports of YOLOv8, v9, 11 and 12: one output [4 + classes, places], or its transpose, of centre, size and class
 * probabilities. What stands behind the classes (masks, key points) is left out where their count is told.
 */
export const yolov8 = joined(false)
