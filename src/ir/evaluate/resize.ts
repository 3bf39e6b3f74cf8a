import { elementCount } from '../tensor.ts'
import {
  type Call,
  floatOf,
  floatsOf,
  input,
  intOf,
  intsOf,
  type Kernels,
  made,
  optionalInput,
  textOf,
} from './call.ts'
import { axisOf, stridesOf } from './layout.ts'
import { EvaluationError, listOf, type Nd, nd, numbersOf, sizeOf } from './value.ts'

/** For each place of an axis: source indices and their weights, equally many a place. `outside` marks extrapolation. */
interface AxisTaps {
  readonly size: number
  readonly width: number
  readonly index: Int32Array
  readonly weight: Float64Array
  readonly outside: readonly boolean[]
}

interface AxisPlan {
  readonly from: number
  readonly to: number
  readonly scale: number
  readonly roi: readonly [number, number]
}

/** The input coordinate of an output place. Source: the table of ONNX Resize. */
function coordinate(mode: string, place: number, { from, to, scale, roi }: AxisPlan): number {
  switch (mode) {
    case 'asymmetric':
      return place / scale
    case 'align_corners':
      return to === 1 ? 0 : (place * (from - 1)) / (to - 1)
    case 'pytorch_half_pixel':
      return to > 1 ? (place + 0.5) / scale - 0.5 : 0
    case 'tf_half_pixel_for_nn':
      return (place + 0.5) / scale
    case 'half_pixel_symmetric': {
      const adjustment = to / (scale * from)
      const offset = (from / 2) * (1 - adjustment)
      return offset + (place + 0.5) / scale - 0.5
    }
    case 'tf_crop_and_resize':
      return to > 1
        ? roi[0] * (from - 1) + (place * (roi[1] - roi[0]) * (from - 1)) / (to - 1)
        : 0.5 * (roi[0] + roi[1]) * (from - 1)
    case 'half_pixel':
      return (place + 0.5) / scale - 0.5
    default:
      throw new EvaluationError(`coordinates ${mode}`)
  }
}

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

/** Keys' cubic convolution kernel. */
function cubic(distance: number, a: number): number {
  const t = Math.abs(distance)
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  return t < 2 ? a * (t * t * t - 5 * t * t + 8 * t - 4) : 0
}

function axisTaps(call: Call, plan: AxisPlan): AxisTaps {
  const mode = textOf(call, 'mode', 'nearest')
  // Before opset 11 the only coordinates were the asymmetric ones, rounded down.
  const old = call.opset < 11 || call.node.opType === 'Upsample'
  const transform = old ? 'asymmetric' : textOf(call, 'coordinate_transformation_mode', 'half_pixel')
  const antialias = intOf(call, 'antialias', 0) === 1 && plan.scale < 1 && mode !== 'nearest'
  const exclude = intOf(call, 'exclude_outside', 0) === 1
  const a = floatOf(call, 'cubic_coeff_a', -0.75)
  const nearest = NEAREST[old ? 'floor' : textOf(call, 'nearest_mode', 'round_prefer_floor')]
  if (!nearest) throw new EvaluationError('an unknown nearest_mode')
  const shrink = antialias ? plan.scale : 1
  const support = (mode === 'cubic' ? 2 : 1) / shrink
  const width = mode === 'nearest' ? 1 : 2 * Math.ceil(support)
  const index = new Int32Array(plan.to * width)
  const weight = new Float64Array(plan.to * width)
  const outside: boolean[] = []
  const last = plan.from - 1
  const inside = (i: number) => Math.min(last, Math.max(0, i))
  for (let place = 0; place < plan.to; place++) {
    const x = coordinate(transform, place, plan)
    outside.push(transform === 'tf_crop_and_resize' && (x < 0 || x > last))
    if (mode === 'nearest') {
      index[place] = inside(nearest(x))
      weight[place] = 1
      continue
    }
    // A linear sample beyond the ends takes the end; cubic taps keep their weights and repeat it.
    const at = mode === 'linear' && !antialias ? Math.min(last, Math.max(0, x)) : x
    const first = Math.floor(at) - width / 2 + 1
    let total = 0
    for (let tap = 0; tap < width; tap++) {
      const source = first + tap
      const distance = (source - at) * shrink
      const w = mode === 'cubic' ? cubic(distance, a) : Math.max(0, 1 - Math.abs(distance))
      const kept = exclude && (source < 0 || source > last) ? 0 : w
      index[place * width + tap] = inside(source)
      weight[place * width + tap] = kept
      total += kept
    }
    if (exclude || antialias) for (let tap = 0; tap < width; tap++) weight[place * width + tap]! /= total
  }
  return { size: plan.to, width, index, weight, outside }
}

/** One axis at a time: every interpolation of Resize is separable. */
function resampled(data: Float64Array, dims: readonly number[], axis: number, taps: AxisTaps): Float64Array {
  const outer = elementCount(dims.slice(0, axis))
  const inner = elementCount(dims.slice(axis + 1))
  const from = dims[axis]!
  const out = new Float64Array(outer * taps.size * inner)
  for (let o = 0; o < outer; o++)
    for (let place = 0; place < taps.size; place++) {
      const to = (o * taps.size + place) * inner
      for (let tap = 0; tap < taps.width; tap++) {
        const weight = taps.weight[place * taps.width + tap]!
        if (weight === 0) continue
        const at = (o * from + taps.index[place * taps.width + tap]!) * inner
        for (let n = 0; n < inner; n++) out[to + n]! += weight * data[at + n]!
      }
    }
  return out
}

function plansOf(call: Call, x: Nd): AxisPlan[] {
  const rank = x.dims.length
  const modern = call.opset >= 11 && call.node.opType === 'Resize'
  const nonEmpty = (value: Nd | undefined) => (value && sizeOf(value) > 0 ? listOf(value) : undefined)
  const roi = modern ? nonEmpty(optionalInput(call, 1)) : undefined
  const scales = modern
    ? nonEmpty(optionalInput(call, 2))
    : (nonEmpty(optionalInput(call, 1)) ?? floatsOf(call, 'scales')?.slice())
  const sizes = modern ? nonEmpty(optionalInput(call, 3)) : undefined
  const axes = intsOf(call, 'axes')?.map((axis) => axisOf(axis, rank)) ?? x.dims.map((_, axis) => axis)
  const policy = textOf(call, 'keep_aspect_ratio_policy', 'stretch')
  const plans: AxisPlan[] = x.dims.map((dim) => ({ from: dim, to: dim, scale: 1, roi: [0, 1] }))
  const common =
    sizes && policy !== 'stretch'
      ? Math[policy === 'not_larger' ? 'min' : 'max'](...axes.map((axis, i) => sizes[i]! / x.dims[axis]!))
      : undefined
  for (const [i, axis] of axes.entries()) {
    const from = x.dims[axis]!
    const to = sizes
      ? common
        ? Math.floor(common * from + 0.5)
        : sizes[i]!
      : Math.floor(Math.fround(from * (scales?.[i] ?? 1)))
    const scale = sizes ? (common ?? to / from) : (scales?.[i] ?? 1)
    plans[axis] = { from, to, scale, roi: [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1] }
  }
  return plans
}

function resize(call: Call): Nd[] {
  const x = input(call, 0)
  const dims = [...x.dims]
  let data = numbersOf(x)
  const outside: { axis: number; flags: readonly boolean[] }[] = []
  for (const [axis, plan] of plansOf(call, x).entries()) {
    const crop = textOf(call, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize'
    const whole = plan.roi[0] === 0 && plan.roi[1] === 1
    if (plan.from === plan.to && plan.scale === 1 && (!crop || whole)) continue
    const taps = axisTaps(call, plan)
    data = resampled(data, dims, axis, taps)
    dims[axis] = plan.to
    if (taps.outside.some(Boolean)) outside.push({ axis, flags: taps.outside })
  }
  if (outside.length > 0) {
    const value = floatOf(call, 'extrapolation_value', 0)
    const strides = stridesOf(dims)
    data = data.map((v, i) =>
      outside.some(({ axis, flags }) => flags[Math.floor(i / strides[axis]!) % dims[axis]!]) ? value : v,
    )
  }
  return [data === x.data ? nd(x.dtype, x.dims, x.data) : made(call, x.dtype, dims, data)]
}

export const resizing: Kernels = { Resize: resize, Upsample: resize }
