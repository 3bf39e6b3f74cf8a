import { type Box, type Detection, overlap } from './boxes.ts'

/** The overlaps of COCO: 0.5, 0.55, … 0.95. */
const OVERLAPS: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100)

/**
 * COCO's recalls are multiples of this as doubles give them: 70 steps are a little more than 7 boxes of 10, and the figures
 * that others publish count such a recall as not reached.
 */
const RECALL_STEP = 0.01

/** A box that is really there, with its class. */
export interface Truth {
  readonly box: Box
  readonly label: number
}

/** What an image adds: how many boxes of each class it has, and for each detection where it counts as right. */
export interface ImageMatches {
  readonly truths: ReadonlyMap<number, number>
  /** Bit t is set where the detection matches a box at `OVERLAPS[t]`. */
  readonly detections: readonly { readonly label: number; readonly score: number; readonly right: number }[]
}

/** At what share of the overlaps a detection counts as right. */
export const overlapsReached = (right: number): number =>
  OVERLAPS.filter((_, t) => right & (1 << t)).length / OVERLAPS.length

/**
 * Detections against the boxes of one image, as COCO does: from the best score down, each takes the free box of its class
 * that it overlaps most (the last of equals), if by at least the threshold.
 */
export function matchImage(detections: readonly Detection[], truth: readonly Truth[]): ImageMatches {
  const truths = new Map<number, number>()
  for (const { label } of truth) truths.set(label, (truths.get(label) ?? 0) + 1)
  const order = [...detections].sort((a, b) => b.score - a.score)
  const overlaps = order.map(({ box, label }) => truth.map((one) => (one.label === label ? overlap(box, one.box) : 0)))
  const right = order.map(() => 0)
  for (const [t, least] of OVERLAPS.entries()) {
    const taken = truth.map(() => false)
    for (const [d, own] of overlaps.entries()) {
      let best = -1
      for (let g = 0; g < own.length; g++)
        if (!taken[g] && own[g]! >= least - 1e-10 && (best < 0 || own[g]! >= own[best]!)) best = g
      if (best < 0) continue
      taken[best] = true
      right[d]! |= 1 << t
    }
  }
  return { truths, detections: order.map(({ label, score }, d) => ({ label, score, right: right[d]! })) }
}

/**
 * Mean average precision of COCO: precision at 101 recalls, from the right never falling, averaged over recalls, the ten
 * overlaps, and the classes that have boxes. NaN without any box.
 *
 * Source: T.-Y. Lin et al., Microsoft COCO, arXiv 1405.0312 (2014), and the evaluation published with it (all areas, 100
 * detections of a class an image). Crowd regions are not modelled: leave them out of the labels.
 */
export function meanAveragePrecision(images: readonly ImageMatches[]): number {
  const truths = new Map<number, number>()
  const byClass = new Map<number, { score: number; right: number }[]>()
  for (const image of images) {
    for (const [label, count] of image.truths) truths.set(label, (truths.get(label) ?? 0) + count)
    for (const { label, score, right } of image.detections) {
      const list = byClass.get(label)
      if (list) list.push({ score, right })
      else byClass.set(label, [{ score, right }])
    }
  }
  let sum = 0
  for (const [label, count] of truths) {
    const ranked = (byClass.get(label) ?? []).sort((a, b) => b.score - a.score)
    for (let t = 0; t < OVERLAPS.length; t++) sum += averageAt(ranked, t, count)
  }
  return sum / (truths.size * OVERLAPS.length)
}

function averageAt(ranked: readonly { readonly right: number }[], t: number, truths: number): number {
  const precision = new Float64Array(ranked.length)
  const recall = new Float64Array(ranked.length)
  let hits = 0
  for (let i = 0; i < ranked.length; i++) {
    if (ranked[i]!.right & (1 << t)) hits++
    precision[i] = hits / (i + 1)
    recall[i] = hits / truths
  }
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!)
  let [sum, at] = [0, 0]
  for (let step = 0; step <= 100; step++) {
    while (at < recall.length && recall[at]! < step * RECALL_STEP) at++
    if (at < recall.length) sum += precision[at]!
  }
  return sum / 101
}
