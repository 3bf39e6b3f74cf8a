import { type Call, floatOf, input, intOf, intsOf, type Kernels, made, optionalInput } from './call.ts'
import { int64, type Nd, numbersOf, scalarOf } from './value.ts'

interface Box {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

function overlap(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1))
  const height = Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1))
  const both = width * height
  const area = (box: Box) => (box.x2 - box.x1) * (box.y2 - box.y1)
  const union = area(a) + area(b) - both
  return union > 0 ? both / union : 0
}

/** Greedy: the best box of a class stays, those that overlap a kept one too much go. [kept, (batch, class, box)]. */
function nonMaxSuppression(call: Call): Nd[] {
  const [boxes, scores] = [input(call, 0), input(call, 1)]
  const scalar = (index: number, fallback: number) => {
    const value = optionalInput(call, index)
    return value && value.data.length > 0 ? scalarOf(value) : fallback
  }
  const most = scalar(2, 0)
  const limit = scalar(3, 0)
  const least = scalar(4, Number.NEGATIVE_INFINITY)
  const centre = intOf(call, 'center_point_box', 0) === 1
  const [batches, classes, count] = scores.dims as [number, number, number]
  const [bv, sv] = [numbersOf(boxes), numbersOf(scores)]
  const boxAt = (batch: number, i: number): Box => {
    const at = (batch * count + i) * 4
    const [a, b, c, d] = [bv[at]!, bv[at + 1]!, bv[at + 2]!, bv[at + 3]!]
    if (centre) return { x1: a - c / 2, y1: b - d / 2, x2: a + c / 2, y2: b + d / 2 }
    return { x1: Math.min(b, d), y1: Math.min(a, c), x2: Math.max(b, d), y2: Math.max(a, c) }
  }
  const kept: number[] = []
  for (let batch = 0; batch < batches; batch++)
    for (let label = 0; label < classes; label++) {
      const score = (i: number) => sv[(batch * classes + label) * count + i]!
      const order = Array.from({ length: count }, (_, i) => i)
        .filter((i) => score(i) > least)
        .sort((a, b) => score(b) - score(a) || a - b)
      const chosen: Box[] = []
      for (const i of order) {
        if (chosen.length >= most) break
        const box = boxAt(batch, i)
        if (chosen.some((other) => overlap(box, other) > limit)) continue
        chosen.push(box)
        kept.push(batch, label, i)
      }
    }
  return [int64(kept, [kept.length / 3, 3])]
}

/** Maxima over the cells of each region (batch, x1, y1, x2, y2); an empty cell is 0. */
function maxRoiPool(call: Call): Nd[] {
  const [x, rois] = [input(call, 0), input(call, 1)]
  const [oh, ow] = (intsOf(call, 'pooled_shape') ?? [1, 1]) as [number, number]
  const scale = floatOf(call, 'spatial_scale', 1)
  const [, c, height, width] = x.dims as [number, number, number, number]
  const [source, rv] = [numbersOf(x), numbersOf(rois)]
  const regions = rois.dims[0]!
  const out = new Float64Array(regions * c * oh * ow)
  const round = (v: number) => Math.floor(v * scale + 0.5)
  for (let r = 0; r < regions; r++) {
    const [x1, y1, x2, y2] = [1, 2, 3, 4].map((i) => round(rv[r * 5 + i]!)) as [number, number, number, number]
    const [cellH, cellW] = [Math.max(y2 - y1 + 1, 1) / oh, Math.max(x2 - x1 + 1, 1) / ow]
    const clamp = (v: number, high: number) => Math.min(high, Math.max(0, v))
    for (let channel = 0; channel < c; channel++)
      for (let i = 0; i < oh; i++)
        for (let j = 0; j < ow; j++) {
          const [top, bottom] = [
            clamp(Math.floor(i * cellH) + y1, height),
            clamp(Math.ceil((i + 1) * cellH) + y1, height),
          ]
          const [left, right] = [
            clamp(Math.floor(j * cellW) + x1, width),
            clamp(Math.ceil((j + 1) * cellW) + x1, width),
          ]
          let best = bottom > top && right > left ? Number.NEGATIVE_INFINITY : 0
          for (let y = top; y < bottom; y++)
            for (let at = left; at < right; at++)
              best = Math.max(best, source[((rv[r * 5]! * c + channel) * height + y) * width + at]!)
          out[((r * c + channel) * oh + i) * ow + j] = best
        }
  }
  return [made(call, x.dtype, [regions, c, oh, ow], out)]
}

export const detection: Kernels = { NonMaxSuppression: nonMaxSuppression, MaxRoiPool: maxRoiPool }
