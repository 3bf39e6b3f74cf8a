import { elementCount } from '../tensor.ts'
import {
  type Call,
  floatOf,
  input,
  intOf,
  intsOf,
  type Kernel,
  type Kernels,
  made,
  optionalInput,
  textOf,
} from './call.ts'
import { EvaluationError, int64, listOf, type Nd, nd, numbersOf } from './value.ts'
import { type Window, windowOf, windowOffsets } from './window.ts'

const kernelOf = (call: Call): readonly number[] => {
  const kernel = intsOf(call, 'kernel_shape')
  if (!kernel) throw new EvaluationError('no kernel_shape')
  return kernel
}

/**
 * The window of a pool. One with gaps that pads by itself is none: the runtime pads as if there were no gaps, so that
 * what ONNX says is not what anybody gets.
 */
function poolWindow(call: Call, spatial: readonly number[]): Window {
  const gaps = intsOf(call, 'dilations')?.some((dilation) => dilation !== 1)
  if (gaps && textOf(call, 'auto_pad', 'NOTSET').startsWith('SAME'))
    throw new EvaluationError('a window with gaps that pads by itself')
  return windowOf(call, spatial, kernelOf(call), intOf(call, 'ceil_mode', 0) === 1)
}

type Planes = { dims: readonly number[]; planes: number; size: number; spatial: readonly number[] }
const planesOf = (x: Nd): Planes => {
  const [n, c, ...spatial] = x.dims as [number, number, ...number[]]
  return { dims: [n, c], planes: n * c, size: elementCount(spatial), spatial }
}

/** Shows every window of a pool over `x`: its taps inside the input are the first `count` of `taps`, as places in its data. */
function eachWindow(
  x: Nd,
  window: Window,
  look: (taps: Int32Array, count: number, to: number, place: number) => void,
): void {
  const { planes, size, spatial } = planesOf(x)
  const { offsets, taps } = windowOffsets(window, spatial)
  const places = elementCount(window.output)
  const inside = new Int32Array(taps)
  for (let plane = 0; plane < planes; plane++)
    for (let place = 0; place < places; place++) {
      let count = 0
      for (let tap = 0; tap < taps; tap++) {
        const offset = offsets[place * taps + tap]!
        if (offset >= 0) inside[count++] = plane * size + offset
      }
      look(inside, count, plane * places + place, place)
    }
}

/** Reduces every window with `fn(values, count, place)` over its taps that lie inside the input. */
function pooled(call: Call, fn: (values: Float64Array, count: number, place: number) => number): Nd[] {
  const x = input(call, 0)
  const { dims, spatial } = planesOf(x)
  const window = poolWindow(call, spatial)
  const source = numbersOf(x)
  const shape = [...dims, ...window.output]
  const out = new Float64Array(elementCount(shape))
  const values = new Float64Array(elementCount(window.kernel))
  eachWindow(x, window, (taps, count, to, place) => {
    for (let i = 0; i < count; i++) values[i] = source[taps[i]!]!
    out[to] = fn(values, count, place)
  })
  return [made(call, x.dtype, shape, out)]
}

const sumOf = (values: Float64Array, count: number): number => {
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i]!
  return sum
}

function averagePool(call: Call): Nd[] {
  if (!intOf(call, 'count_include_pad', 0)) return pooled(call, (values, count) => sumOf(values, count) / count)
  // Padding counts, but not what ceil_mode adds beyond it.
  const { spatial } = planesOf(input(call, 0))
  const window = poolWindow(call, spatial)
  const widened = { ...window, before: window.before.map(() => 0) }
  const paddedSizes = spatial.map((dim, axis) => dim + window.before[axis]! + window.after[axis]!)
  const { offsets, taps } = windowOffsets(widened, paddedSizes)
  return pooled(call, (values, count, place) => {
    let all = 0
    for (let tap = 0; tap < taps; tap++) if (offsets[place * taps + tap]! >= 0) all++
    return sumOf(values, count) / all
  })
}

function maxPool(call: Call): Nd[] {
  const x = input(call, 0)
  const { dims, size, spatial } = planesOf(x)
  const window = poolWindow(call, spatial)
  const source = numbersOf(x)
  const shape = [...dims, ...window.output]
  const out = new Float64Array(elementCount(shape))
  const where = new Float64Array(out.length)
  eachWindow(x, window, (taps, count, to) => {
    let best = Number.NEGATIVE_INFINITY
    let at = -1
    for (const tap of taps.subarray(0, count)) {
      const value = source[tap]!
      if (value > best || at < 0 || Number.isNaN(value)) [best, at] = [value, tap]
    }
    out[to] = best
    where[to] = at
  })
  const value = made(call, x.dtype, shape, out)
  if ((call.node.outputs[1] ?? '') === '') return [value]
  return [value, int64(Array.from(where, columnMajor(intOf(call, 'storage_order', 0) === 1, spatial, size)), shape)]
}

/** With storage_order 1 an index counts down columns inside its plane. */
const columnMajor = (on: boolean, spatial: readonly number[], size: number) => (index: number) => {
  if (!on) return index
  const plane = Math.floor(index / size)
  let rest = index - plane * size
  const place = [...spatial].reverse().map((dim) => {
    const here = rest % dim
    rest = Math.floor(rest / dim)
    return here
  })
  return (
    plane * size +
    place.reduce((sum, here, i) => sum + here * elementCount(spatial.slice(0, spatial.length - 1 - i)), 0)
  )
}

function maxUnpool(call: Call): Nd[] {
  const [x, indices, given] = [input(call, 0), numbersOf(input(call, 1)), optionalInput(call, 2)]
  const { dims, planes, size, spatial } = planesOf(x)
  const kernel = kernelOf(call)
  const strides = intsOf(call, 'strides') ?? kernel.map(() => 1)
  const pads = intsOf(call, 'pads') ?? new Array<number>(kernel.length * 2).fill(0)
  const inferred = spatial.map(
    (dim, axis) => (dim - 1) * strides[axis]! + kernel[axis]! - pads[axis]! - pads[axis + kernel.length]!,
  )
  const target = given ? listOf(given) : [...dims, ...inferred]
  const own = elementCount(inferred)
  const full = target.slice(2)
  const out = new Float64Array(elementCount(target))
  const source = numbersOf(x)
  for (let i = 0; i < planes * size; i++) {
    // Indices count in the inferred shape; a larger requested one keeps their places.
    const plane = Math.floor(indices[i]! / own)
    let rest = indices[i]! - plane * own
    let to = 0
    let step = 1
    for (let axis = full.length - 1; axis >= 0; axis--) {
      to += (rest % inferred[axis]!) * step
      rest = Math.floor(rest / inferred[axis]!)
      step *= full[axis]!
    }
    out[plane * elementCount(full) + to] = source[i]!
  }
  return [nd(x.dtype, target, out)]
}

const globalPool =
  (fn: (call: Call) => (values: Float64Array) => number): Kernel =>
  (call) => {
    const x = input(call, 0)
    const { dims, planes, size, spatial } = planesOf(x)
    const reduce = fn(call)
    const source = numbersOf(x)
    const out = Float64Array.from({ length: planes }, (_, i) => reduce(source.subarray(i * size, (i + 1) * size)))
    return [made(call, x.dtype, [...dims, ...spatial.map(() => 1)], out)]
  }

const norm = (values: Float64Array, count: number, p: number): number => {
  let sum = 0
  for (let i = 0; i < count; i++) sum += Math.abs(values[i]!) ** p
  return sum ** (1 / p)
}

/** Averages (or maxima) of bilinear samples in each cell of each box. */
function roiAlign(call: Call): Nd[] {
  const [x, rois, batches] = [input(call, 0), numbersOf(input(call, 1)), numbersOf(input(call, 2))]
  const [, c, height, width] = x.dims as [number, number, number, number]
  const mode = call.node.attributes.get('mode')
  const max = mode?.type === 'string' && mode.value === 'max'
  const [oh, ow] = [intOf(call, 'output_height', 1), intOf(call, 'output_width', 1)]
  const ratio = intOf(call, 'sampling_ratio', 0)
  const scale = floatOf(call, 'spatial_scale', 1)
  const transform = call.node.attributes.get('coordinate_transformation_mode')
  const half = transform?.type === 'string' ? transform.value === 'half_pixel' : call.opset >= 16
  const shift = half ? 0.5 : 0
  const source = numbersOf(x)
  const out = new Float64Array(batches.length * c * oh * ow)
  let to = 0
  for (const [r, batch] of batches.entries()) {
    const [x1, y1, x2, y2] = Array.from(rois.subarray(r * 4, r * 4 + 4), (v) => v * scale - shift) as [
      number,
      number,
      number,
      number,
    ]
    const boxWidth = half ? x2 - x1 : Math.max(1, x2 - x1)
    const boxHeight = half ? y2 - y1 : Math.max(1, y2 - y1)
    const rows = ratio > 0 ? ratio : Math.ceil(boxHeight / oh)
    const columns = ratio > 0 ? ratio : Math.ceil(boxWidth / ow)
    for (let channel = 0; channel < c; channel++)
      for (let row = 0; row < oh; row++)
        for (let column = 0; column < ow; column++) {
          let total = 0
          let best = Number.NEGATIVE_INFINITY
          for (let i = 0; i < rows; i++)
            for (let j = 0; j < columns; j++) {
              const y = y1 + ((row + (i + 0.5) / rows) * boxHeight) / oh
              const at = x1 + ((column + (j + 0.5) / columns) * boxWidth) / ow
              const corners = cornersOf(source, (batch * c + channel) * height * width, height, width, y, at)
              for (const value of corners) total += value
              best = Math.max(best, ...corners)
            }
          out[to++] = max ? best : total / Math.max(1, rows * columns)
        }
  }
  return [made(call, x.dtype, [batches.length, c, oh, ow], out)]
}

/** The four weighted corners of a bilinear sample; nothing beyond one pixel outside. */
function cornersOf(data: Float64Array, from: number, height: number, width: number, y: number, x: number): number[] {
  if (y < -1 || y > height || x < -1 || x > width) return [0, 0, 0, 0]
  const [py, px] = [Math.min(Math.max(y, 0), height - 1), Math.min(Math.max(x, 0), width - 1)]
  const [top, left] = [Math.floor(py), Math.floor(px)]
  const [bottom, right] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)]
  const [dy, dx] = [py - top, px - left]
  return [
    (1 - dy) * (1 - dx) * data[from + top * width + left]!,
    (1 - dy) * dx * data[from + top * width + right]!,
    dy * (1 - dx) * data[from + bottom * width + left]!,
    dy * dx * data[from + bottom * width + right]!,
  ]
}

export const pooling: Kernels = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  LpPool: (call) => {
    const p = intOf(call, 'p', 2)
    return pooled(call, (values, count) => norm(values, count, p))
  },
  MaxUnpool: maxUnpool,
  GlobalAveragePool: globalPool(() => (values) => sumOf(values, values.length) / values.length),
  GlobalMaxPool: globalPool(() => (values) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)),
  GlobalLpPool: globalPool((call) => {
    const p = intOf(call, 'p', 2)
    return (values) => norm(values, values.length, p)
  }),
  RoiAlign: roiAlign,
}
