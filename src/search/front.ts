import type { CandidateResult } from '../report/index.ts'

/** A point of the plane in which smaller is better both ways. */
interface Point {
  readonly id: string
  readonly x: number
  readonly y: number
}

/** The ids that no other point beats in one direction without being worse in the other; equal ones stand together. */
export function paretoFront(points: readonly Point[]): ReadonlySet<string> {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  const front = new Set<string>()
  let last: Point | null = null
  for (const point of sorted) {
    if (last && point.y >= last.y && !(point.x === last.x && point.y === last.y)) continue
    last = point
    front.add(point.id)
  }
  return front
}

/**
 * The front in time and size of these candidates. Time is the ratio to the original of the same run: what was timed
 * again before it was handed out ran on a machine that may have been slower by then, and would fall off by that alone.
 * The `original` stands among them where it is what is handed out: it takes its own time, and what it beats is no gain.
 */
export function frontOf(
  candidates: readonly Pick<CandidateResult, 'id' | 'ratio' | 'bytes'>[],
  original: Pick<CandidateResult, 'id' | 'bytes'> | null,
): ReadonlySet<string> {
  const medians = candidates.map(({ id, ratio, bytes }) => ({ id, x: ratio?.median ?? null, y: bytes }))
  const points = original ? [{ id: original.id, x: 1, y: original.bytes }, ...medians] : medians
  return paretoFront(points.flatMap(({ id, x, y }) => (x !== null && y !== null ? [{ id, x, y }] : [])))
}
