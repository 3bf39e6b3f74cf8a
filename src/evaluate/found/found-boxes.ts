import { type Detection, overlap } from '../metric/detection/boxes.ts'
import type { RowOutputs } from '../outputs/row-outputs.ts'
import { type FoundLayout, foundLayouts, LEAST_SCORE, SAME_SCORE } from './found-lists.ts'
import { joinedLayouts } from './joined-places.ts'
import { queryLayouts } from './query-lists.ts'

/** The least share of two boxes' union that both of them cover, where they are said to be the same. */
export const SAME_PLACE = 0.75

/** Fewer boxes than these, over all rows, tell nothing of a list: it is held against the other number by number. */
export const FEWEST = 10

/** Boxes of one row: those in either list, and those without their like in the other. */
export interface FoundCounts {
  readonly boxes: number
  readonly changed: number
}

/** What two models found, held against each other as sets. */
export interface FoundBoxes {
  /**
   * Outputs of the base that are boxes on every row, sorted by score, all places joined, or answers to queries; none where
   * next to nothing was found.
   */
  readonly outputs: readonly string[]
  /** By row. */
  readonly rows: readonly FoundCounts[]
  add(base: RowOutputs, candidate: RowOutputs): void
}

/**
 * Holds lists of boxes against each other, row by row. Where one entry of a sorted list moves up, all behind it stand beside
 * others than before: element by element nothing seems to be left of lists that hold the same boxes. (Of joined places all
 * seems to be left, see `joinedLayouts`; of queries see `queryLayouts`.) These are answers, and so they are counted: a box
 * is the same where the other list has one of its class, in its place (three quarters of what both cover together), and with
 * its score (within 0.1). Those below a score of 0.25 in both count for nothing.
 */
export function foundBoxes(): FoundBoxes {
  let open: Reading[] | null = null
  const best = () =>
    (open ?? [])
      .filter(({ rows, isList, evidence }) => isList && evidence >= 0 && total(rows) >= FEWEST)
      .sort((a, b) => Number(b.isSorted) - Number(a.isSorted) || total(b.rows) - total(a.rows))[0]
  return {
    add(base, candidate) {
      open ??= readingsOf(base)
      open = open.filter((one) => {
        const before = one.layout.read(base)
        const evidence = one.layout.evidence ? one.layout.evidence(base) : 0
        if (!before || evidence === null) return false
        one.isList ||= before.length !== 1
        one.evidence += evidence
        one.rows.push(foundAgain(before, one.layout.read(candidate) ?? []))
        return true
      })
    },
    get outputs() {
      return best()?.layout.outputs ?? []
    },
    get rows() {
      return best()?.rows ?? []
    },
  }
}

/** One way to read the outputs, and what it gave. */
interface Reading {
  readonly layout: FoundLayout
  readonly rows: FoundCounts[]
  /** Sorted by score, which others would hardly be by chance; a sorted table may well look like joined places. */
  readonly isSorted: boolean
  /** Whether it can be told from a single vector. */
  isList: boolean
  evidence: number
}

function readingsOf(base: RowOutputs): Reading[] {
  const reading = (layout: FoundLayout, isSorted: boolean): Reading => ({
    layout,
    isSorted,
    rows: [],
    isList: !isSorted,
    evidence: 0,
  })
  return [
    ...foundLayouts(base).map((layout) => reading(layout, true)),
    ...joinedLayouts(base).map((layout) => reading(layout, false)),
    ...queryLayouts(base).map((layout) => reading(layout, false)),
  ]
}

const total = (rows: readonly FoundCounts[]) => rows.reduce((sum, { boxes }) => sum + boxes, 0)

/**
 * From the best down, each box takes the free one of the other list that it covers most, of those that are the same. One
 * that only just counts has its like where that just does not.
 */
function foundAgain(before: readonly Detection[], after: readonly Detection[]): FoundCounts {
  const free = new Set(after.filter(({ score }) => score >= LEAST_SCORE - SAME_SCORE))
  let [boxes, changed] = [0, 0]
  for (const one of before) {
    if (one.score < LEAST_SCORE - SAME_SCORE) continue
    const [like] = [...free]
      .map((other) => ({ other, covered: other.label === one.label ? overlap(one.box, other.box) : 0 }))
      .filter(({ other, covered }) => covered >= SAME_PLACE && Math.abs(other.score - one.score) <= SAME_SCORE)
      .sort((a, b) => b.covered - a.covered)
    if (like) free.delete(like.other)
    const counts = Math.max(one.score, like?.other.score ?? 0) >= LEAST_SCORE
    if (counts) boxes++
    if (counts && !like) changed++
  }
  const added = [...free].filter(({ score }) => score >= LEAST_SCORE).length
  return { boxes: boxes + added, changed: changed + added }
}
