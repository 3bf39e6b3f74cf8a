import type { TensorValue } from '../../engine/index.ts'
import type { RandomSource } from '../../statistics/index.ts'
import type { PlacedBox, Places } from '../metric/detection/yolo.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { FEWEST, SAME_PLACE } from './found-boxes.ts'
import { SAME_SCORE } from './found-lists.ts'
import { joinedPlaces, keptAt, SCORES, signsOfObjectness } from './joined-places.ts'

/**
 * One quantity of a box, its score or a coordinate: the numbers of the output that make it, each with the quantity's
 * derivative by it, in units of what it may change by while the box counts as the same.
 */
type Probe = readonly (readonly [at: number, slope: number])[]

/** The score, the two of the centre, and the two sides. */
const PROBES_PER_BOX = 5

/** One way to read an output: what its boxes hang on, row by row. */
interface Reading {
  readonly objectness: boolean
  readonly rows: (readonly Probe[])[]
}

/**
 * Which numbers of an output of joined boxes and scores (`joinedLayouts`) decide whether its boxes stay: those of the boxes
 * that suppression leaves. They are a thousandth of it: noise of the whole is that of the pixels of places at which nothing
 * is found, and by that a mixture keeps in float what changes no box.
 */
export class BoxProbes {
  /** Null for an output that is something else. */
  readonly #outputs = new Map<string, { evidence: number; readonly readings: readonly Reading[] } | null>()

  /** Takes in what the base gave for the next row; `false` where none of the outputs is read so. */
  add(outputs: RowOutputs): boolean {
    let any = false
    for (const [name, value] of Object.entries(outputs)) {
      const known = this.#outputs.get(name)
      const places = known === null ? null : joinedPlaces(value)
      const output = places && (known ?? { evidence: 0, readings: [true, false].map(readingOf) })
      this.#outputs.set(name, output)
      if (!output) continue
      any = true
      output.evidence += signsOfObjectness(places)
      for (const { objectness, rows } of output.readings)
        rows.push((keptAt(places, objectness) ?? []).flatMap((box) => probesOf(box, places, objectness)))
    }
    return any
  }

  /**
   * Weights for the numbers of an output, of random sign by quantity. The square of a change's weighted sum is in the mean
   * over signs and rows the mean square of what the boxes' quantities change by. Null where the output is held against
   * others number by number, since it is no such places or too few boxes were found.
   */
  weights(name: string, row: number, value: TensorValue, random: RandomSource): TensorValue | null {
    const output = this.#outputs.get(name)
    if (!output) return null
    const objectness = output.evidence >= 0
    const { rows } = output.readings.find((reading) => reading.objectness === objectness)!
    const probes = rows.reduce((sum, { length }) => sum + length, 0)
    if (probes < FEWEST * PROBES_PER_BOX) return null
    const size = Math.sqrt(rows.length / probes)
    const data = new Float32Array(value.data.length)
    for (const probe of rows[row]!) {
      const sign = random.below(2) === 0 ? -size : size
      for (const [at, slope] of probe) data[at]! += sign * slope
    }
    return { dtype: 'float32', dims: value.dims, data }
  }
}

const readingOf = (objectness: boolean): Reading => ({ objectness, rows: [] })

/**
 * The score is the probability of the class, times that of there being anything. Of two boxes of a side s that are a
 * little apart by d, both cover 1 − 2d/s of their union, of sides s and s + d it is 1 − d/s. A side of less than a pixel
 * counts as one: of a box without any nothing could be told.
 */
function probesOf({ place, label }: PlacedBox, places: Places, objectness: boolean): readonly Probe[] {
  const { data, placeStride, columnStride } = places
  const at = (column: number) => place * placeStride + column * columnStride
  const [object, ofClass] = [at(SCORES), at(SCORES + label + (objectness ? 1 : 0))]
  const score: Probe = objectness
    ? [
        [object, data[ofClass]! / SAME_SCORE],
        [ofClass, data[object]! / SAME_SCORE],
      ]
    : [[ofClass, 1 / SAME_SCORE]]
  const along = [0, 1].flatMap((axis): Probe[] => {
    const [centre, side] = [at(axis), at(axis + 2)]
    const slope = 1 / (Math.max(1, data[side]!) * (1 - SAME_PLACE))
    return [[[centre, 2 * slope]], [[side, slope]]]
  })
  return [score, ...along]
}
