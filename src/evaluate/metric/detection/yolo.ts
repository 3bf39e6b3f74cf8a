import type { TensorValue } from '../../../engine/index.ts'
import type { Box, Detection } from './boxes.ts'
import { cannot, type Decoder, matrixOf } from './decoder.ts'

/** Centre and size, in pixels of the input. */
const BOX_COLUMNS = 4

/** Numbers of an output by place and column: `data[place * placeStride + column * columnStride]`. */
export interface Places {
  readonly count: number
  readonly columns: number
  readonly data: ArrayLike<number>
  readonly placeStride: number
  readonly columnStride: number
}

/** An output [places, columns] or [columns, places], of which there are more places; null where it is no such matrix. */
export function placesOf(value: TensorValue): Places | null {
  const matrix = matrixOf(value)
  if (!matrix) return null
  const { rows, columns, data } = matrix
  return rows >= columns
    ? { count: rows, columns, data, placeStride: columns, columnStride: 1 }
    : { count: columns, columns: rows, data, placeStride: 1, columnStride: columns }
}

/** What stands behind the box of a place. */
export interface PlaceForm {
  /** How sure it is that there is anything at all, which the probabilities of classes are multiplied by. */
  readonly objectness: boolean
  /** Classes; absent where they are all that is left. */
  readonly classes?: number
}

/** A box and where it stands. */
export interface PlacedBox extends Detection {
  readonly place: number
}

/** Boxes of every class with this score at least, before suppression; null where there is no column for a class. */
export function boxesAt(places: Places, { objectness, classes }: PlaceForm, least: number): PlacedBox[] | null {
  const { count, columns, data, placeStride, columnStride } = places
  const first = objectness ? BOX_COLUMNS + 1 : BOX_COLUMNS
  const behind = classes === undefined ? columns : first + classes
  if (first >= behind || behind > columns) return null
  const found: PlacedBox[] = []
  for (let place = 0; place < count; place++) {
    const at = place * placeStride
    const object = objectness ? data[at + BOX_COLUMNS * columnStride]! : 1
    if (object < least) continue
    for (let column = first; column < behind; column++) {
      const score = object * data[at + column * columnStride]!
      if (score >= least) found.push({ box: boxAt(places, at), label: column - first, score, place })
    }
  }
  return found
}

function boxAt({ data, columnStride }: Places, at: number): Box {
  const [x, y] = [data[at]!, data[at + columnStride]!]
  const [width, height] = [data[at + 2 * columnStride]!, data[at + 3 * columnStride]!]
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
}

const joined =
  (objectness: boolean): Decoder =>
  (outputs, { score, classes }) => {
    const form = { objectness, ...(classes === undefined ? {} : { classes }) }
    for (const value of Object.values(outputs)) {
      const places = placesOf(value)
      const found = places && boxesAt(places, form, score)
      if (found) return found.map(({ box, label, score }) => ({ box, label, score }))
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
