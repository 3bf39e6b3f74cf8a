import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'

/** From this length on, scores that fall from the first to the last on every row are no coincidence. */
const LONG = 8

/** What rows of an output that looks like scores of classes have in common. */
export interface DetectionListCheck {
  add(value: TensorValue): void
  readonly rows: number
  /**
   * Whether it is a list of what was found, such as the scores of boxes, and not of classes: it has another length on
   * other rows, or its numbers fall from the first to the last on all of them. The greatest stands first whatever was
   * found, so that nothing is learnt from its staying there.
   */
  readonly isList: boolean
}

/** Tells, row by row, whether an output is a list of what was found. */
export function detectionListCheck(): DetectionListCheck {
  let [rows, shortest, longest, falls] = [0, Number.POSITIVE_INFINITY, 0, true]
  return {
    add(value) {
      rows++
      shortest = Math.min(shortest, value.data.length)
      longest = Math.max(longest, value.data.length)
      falls &&= isFloating(value.dtype) && isFalling(numbersOf(value))
    },
    get rows() {
      return rows
    },
    get isList() {
      return rows > 0 && (shortest !== longest || (falls && longest >= LONG))
    },
  }
}

function isFalling(numbers: ArrayLike<number>): boolean {
  for (let i = 1; i < numbers.length; i++) if (!(numbers[i - 1]! >= numbers[i]!)) return false
  return numbers[0]! > numbers[numbers.length - 1]!
}

/** Tells, row by row, whether an output is a list in the order of one of its columns, [entries, columns] or one number an entry. */
export interface ListOrderCheck {
  add(value: TensorValue): void
  /**
   * The first column whose numbers fall from the first entry to the last on all rows, and which are not the same numbers on
   * all of them, as places would be; null where there is none, or fewer than two rows.
   */
  readonly column: number | null
}

/** Watches whether a list of detections is sorted, row by row. */
export function listOrderCheck(): ListOrderCheck {
  let rows = 0
  let falling: { readonly column: number; readonly first: number; varies: boolean }[] = []
  return {
    add(value) {
      // As of nearly every output: nothing falls from the second row on.
      if (rows > 0 && falling.length === 0) return
      const [entries = 0, columns = 1] = value.dims.filter((dim, axis) => axis > 0 || dim !== 1)
      const isList = isFloating(value.dtype) && value.dims.length <= 2 && entries >= LONG && columns > 0
      const numbers = isList ? numbersOf(value) : []
      const column = (at: number) => Array.from({ length: entries }, (_, entry) => numbers[entry * columns + at]!)
      if (rows++ === 0)
        falling = Array.from({ length: isList ? columns : 0 }, (_, at) => ({
          column: at,
          first: numbers[at]!,
          varies: false,
        }))
      falling = falling.filter((found) => isList && found.column < columns && isFalling(column(found.column)))
      for (const found of falling) found.varies ||= numbers[found.column] !== found.first
    },
    get column() {
      return falling.find(({ varies }) => varies)?.column ?? null
    },
  }
}
