import type { TensorValue } from '../../engine/index.ts'
import { elementCount, isFloating } from '../../ir/index.ts'
import type { Detection } from '../metric/detection/boxes.ts'
import { numbersOf, type RowOutputs } from '../outputs/row-outputs.ts'

/** Boxes of a lower score are drawn by next to nobody. */
export const LEAST_SCORE = 0.25
/** The most that scores of the same box differ by: of a score of 0.6, three times what 25 dB leave of noise. */
export const SAME_SCORE = 0.1
/** Boxes of a class in an image that count, best first, as of COCO. */
export const MOST_BOXES = 100

/** How the outputs of a detector are read as a list of boxes. */
export interface FoundLayout {
  /** The outputs that its boxes, scores and classes stand in. */
  readonly outputs: readonly string[]
  /** All of one row, the best first; null where the outputs are no such list. */
  read(outputs: RowOutputs): readonly Detection[] | null
  /**
   * What a row of the base that could be read says for this reading, where its form alone does not tell, and against it where less than 0; null
   * where it is none.
   */
  evidence?(outputs: RowOutputs): number | null
}

/**
 * The ways in which these outputs may be a list of boxes in the order of their scores: one [found, 6 or 7] (corners, a
 * score, a class, and with seven the number of the image), or boxes [found, 4] beside scores [found] and, where there are
 * any, classes [found]. Boxes are corners, left, top, right, bottom, in whatever unit.
 */
export function foundLayouts(outputs: RowOutputs): readonly FoundLayout[] {
  const names = Object.keys(outputs)
  const tables = names.flatMap((name) => TABLE_COLUMNS.flatMap((columns) => tableLayouts(name, columns)))
  const boxes = names.filter((name) => entriesOf(outputs[name]!, CORNERS) !== null)
  const lists = names.filter((name) => outputs[name]!.dims.filter((dim, axis) => axis > 0 || dim !== 1).length <= 1)
  const scores = lists.filter((name) => isFloating(outputs[name]!.dtype))
  const pairs = boxes.flatMap((box) => scores.map((score) => [box, score] as const))
  const layouts = pairs.flatMap(([box, score]) =>
    [...lists.filter((name) => name !== score), null].map((label) => listLayout(box, score, label)),
  )
  return [...tables, ...layouts].filter(({ read }) => read(outputs) !== null)
}

const CORNERS = 4
/** Corners, a score and a class; the same and the number of the image. */
const TABLE_COLUMNS = [6, 7]

/** Every order that a table of so many columns may have. */
function tableLayouts(name: string, columns: number): readonly FoundLayout[] {
  const places = Array.from({ length: columns }, (_, at) => at)
  return places.slice(0, columns - CORNERS + 1).flatMap((box) => {
    const others = places.filter((at) => at < box || at >= box + CORNERS)
    return others.flatMap((score) =>
      others
        .filter((label) => label !== score)
        .map((label) => ({
          outputs: [name],
          read: (outputs: RowOutputs) => {
            const table = outputs[name] && entriesOf(outputs[name], columns)
            if (!table) return null
            const column = (at: number) => (entry: number) => table.numbers[entry * columns + at]!
            return detections(
              table.entries,
              (entry, corner) => column(box + corner)(entry),
              column(score),
              column(label),
            )
          },
        })),
    )
  })
}

function listLayout(box: string, score: string, label: string | null): FoundLayout {
  return {
    outputs: label === null ? [box, score] : [box, score, label],
    read: (outputs) => {
      const boxes = outputs[box] && entriesOf(outputs[box], CORNERS)
      const [scores, labels] = [score, label].map((name) => (name === null ? null : outputs[name]))
      if (!boxes || scores?.data.length !== boxes.entries || labels === undefined || labels?.dtype === 'string')
        return null
      if (labels && labels.data.length !== boxes.entries) return null
      const [byEntry, classes] = [numbersOf(scores), labels && numbersOf(labels)]
      return detections(
        boxes.entries,
        (entry, corner) => boxes.numbers[entry * CORNERS + corner]!,
        (entry) => byEntry[entry]!,
        (entry) => classes?.[entry] ?? 0,
      )
    },
  }
}

/**
 * Entries of an output [found, columns] of one row. Its axis of rows may still be there; and a single find may have lost its
 * own, which looked like that of rows.
 */
function entriesOf(value: TensorValue, columns: number): { entries: number; numbers: ArrayLike<number> } | null {
  const { dims } = value
  const [found, wide] = dims.length === 1 ? [1, dims[0]] : dims.slice(dims.length > 2 && dims[0] === 1 ? 1 : 0)
  const fits =
    isFloating(value.dtype) && dims.length <= 3 && wide === columns && elementCount(dims) === found! * columns
  return fits ? { entries: found!, numbers: numbersOf(value) } : null
}

/** Null where scores rise or leave 0 to 1, or where an entry that counts has no right corners or no whole class. */
function detections(
  entries: number,
  cornerOf: (entry: number, corner: number) => number,
  scoreOf: (entry: number) => number,
  labelOf: (entry: number) => number,
): readonly Detection[] | null {
  const found: Detection[] = []
  for (let entry = 0; entry < entries; entry++) {
    const score = scoreOf(entry)
    if (!(score <= (entry === 0 ? 1 : scoreOf(entry - 1)))) return null
    const label = labelOf(entry)
    const [left, top, right, bottom] = [0, 1, 2, 3].map((corner) => cornerOf(entry, corner)) as [
      number,
      number,
      number,
      number,
    ]
    if (score >= LEAST_SCORE && !(Number.isInteger(label) && left < right && top < bottom)) return null
    found.push({ box: [left, top, right, bottom], label, score })
  }
  return found
}
