import { roundHalfEven } from '../numbers.ts'
import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, type Kernels, made, textOf } from './call.ts'
import { EvaluationError, listOf, type Nd, numbersOf } from './value.ts'

/** Folds a coordinate back into `[low, high]` by mirroring at the ends. */
function reflected(x: number, low: number, high: number): number {
  const range = high - low
  if (range <= 0) return low
  const away = x < low ? low - x : x > high ? x - high : -1
  if (away < 0) return x
  const turns = Math.floor(away / range)
  const rest = away - turns * range
  const fromLow = x < low === (turns % 2 === 0)
  return fromLow ? low + rest : high - rest
}

/** Reads images at the places that a grid of normalised coordinates names. */
function gridSample(call: Call): Nd[] {
  const [x, grid] = [input(call, 0), input(call, 1)]
  const [n, c, ...spatial] = x.dims as [number, number, ...number[]]
  const output = grid.dims.slice(1, -1)
  const rank = spatial.length
  const mode =
    { bilinear: 'linear', bicubic: 'cubic' }[textOf(call, 'mode', 'linear')] ?? textOf(call, 'mode', 'linear')
  const padding = textOf(call, 'padding_mode', 'zeros')
  const align = intOf(call, 'align_corners', 0) === 1
  if (mode === 'cubic' && rank !== 2) throw new EvaluationError('cubic GridSample beyond two dimensions')
  const places = elementCount(output)
  const size = elementCount(spatial)
  const [source, at] = [numbersOf(x), numbersOf(grid)]
  const out = new Float64Array(n * c * places)
  const bounds = spatial.map((dim) => (align ? [0, dim - 1] : [-0.5, dim - 0.5]) as [number, number])

  // It is the neighbours that padding moves, not the place between them: a cubic curve bends beyond the border, too.
  const indexFor = (index: number, axis: number): number => {
    const last = spatial[axis]! - 1
    if (index >= 0 && index <= last) return index
    if (padding === 'zeros') return -1
    if (padding === 'border') return Math.min(last, Math.max(0, index))
    return Math.min(last, Math.max(0, Math.round(reflected(index, ...bounds[axis]!))))
  }
  for (let image = 0; image < n; image++)
    for (let place = 0; place < places; place++) {
      const point = (image * places + place) * rank
      // The grid's last axis runs x, y, z: the reverse of the image's axes.
      const taps = spatial.map((dim, axis) => {
        const g = at[point + rank - 1 - axis]!
        const v = align ? ((g + 1) / 2) * (dim - 1) : ((g + 1) * dim - 1) / 2
        if (mode === 'nearest') return [{ index: indexFor(roundHalfEven(v), axis), weight: 1 }]
        const first = Math.floor(v)
        const t = v - first
        const weights = mode === 'cubic' ? cubicWeights(t) : [1 - t, t]
        const start = mode === 'cubic' ? first - 1 : first
        return weights.map((weight, i) => ({ index: indexFor(start + i, axis), weight }))
      })
      let corners = [{ offset: 0, weight: 1 }]
      for (const [axis, list] of taps.entries())
        corners = corners.flatMap(({ offset, weight }) =>
          list.flatMap((tap) =>
            tap.index < 0 ? [] : [{ offset: offset * spatial[axis]! + tap.index, weight: weight * tap.weight }],
          ),
        )
      for (let channel = 0; channel < c; channel++) {
        let sum = 0
        for (const { offset, weight } of corners) sum += source[(image * c + channel) * size + offset]! * weight
        out[(image * c + channel) * places + place] = sum
      }
    }
  return [made(call, x.dtype, [n, c, ...output], out)]
}

/** Keys' kernel with a = −0.75, at the four neighbours. */
function cubicWeights(t: number): number[] {
  const a = -0.75
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1
  return [far(t + 1), near(t), near(1 - t), far(2 - t)]
}

/** A grid from affine matrices theta [N, 2, 3] or [N, 3, 4] and the size [N, C, (D,) H, W]. */
function affineGrid(call: Call): Nd[] {
  const [theta, size] = [input(call, 0), listOf(input(call, 1))]
  const align = intOf(call, 'align_corners', 0) === 1
  const spatial = size.slice(2)
  const rank = spatial.length
  const n = size[0]!
  const places = elementCount(spatial)
  const matrix = numbersOf(theta)
  const out = new Float64Array(n * places * rank)
  const linear = (i: number, dim: number) => (align ? (dim > 1 ? -1 + (2 * i) / (dim - 1) : 0) : -1 + (2 * i + 1) / dim)
  for (let image = 0; image < n; image++)
    for (let place = 0; place < places; place++) {
      let rest = place
      const point: number[] = []
      for (let axis = rank - 1; axis >= 0; axis--) {
        point.push(linear(rest % spatial[axis]!, spatial[axis]!))
        rest = Math.floor(rest / spatial[axis]!)
      }
      for (let row = 0; row < rank; row++) {
        const base = (image * rank + row) * (rank + 1)
        let sum = matrix[base + rank]!
        for (let column = 0; column < rank; column++) sum += matrix[base + column]! * point[column]!
        out[(image * places + place) * rank + row] = sum
      }
    }
  return [made(call, theta.dtype, [n, ...spatial, rank], out)]
}

export const grids: Kernels = { GridSample: gridSample, AffineGrid: affineGrid }
