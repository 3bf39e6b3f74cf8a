/** A rectangle in pixels of the model's input: left, top, right, bottom. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number]

/** A box that a model found. */
export interface Detection {
  readonly box: Box
  readonly label: number
  readonly score: number
}

/** Intersection over union; 0 for boxes without area. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  if (width <= 0 || height <= 0) return 0
  const both = width * height
  return both / (area(a) + area(b) - both)
}

const area = ([x1, y1, x2, y2]: Box) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1)

/** Boxes of a class that overlap a better one by more are its doubles, where nothing else is said. */
export const USUAL_SUPPRESSION = 0.65

/** More candidates than this by score are never looked at: suppression is quadratic in them. */
const MOST_CANDIDATES = 1000

/**
 * Greedy non-maximum suppression by class: from the best score down, a box that overlaps a kept one of its class by more
 * than `limit` goes. The `most` best of each class remain, as COCO counts them.
 */
export function suppress<T extends Detection>(found: readonly T[], limit: number, most: number): readonly T[] {
  const order = found
    .filter(({ score, box }) => Number.isFinite(score) && box.every(Number.isFinite))
    .sort((a, b) => b.score - a.score)
    .slice(0, MOST_CANDIDATES)
  const kept = new Map<number, T[]>()
  for (const one of order) {
    const ofClass = kept.get(one.label) ?? []
    kept.set(one.label, ofClass)
    if (ofClass.length < most && !ofClass.some((other) => overlap(other.box, one.box) > limit)) ofClass.push(one)
  }
  return [...kept.values()].flat().sort((a, b) => b.score - a.score)
}
