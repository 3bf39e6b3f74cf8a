import { intAttribute, intsAttribute, stringAttribute } from '../attribute.ts'
import type { Dim, Shape } from '../model.ts'
import { toNumbers } from '../numbers.ts'
import {
  type Call,
  dtypeOf,
  elementsOf,
  has,
  type Known,
  normalAxes,
  numbersOf,
  type Outputs,
  type Rule,
  type Rules,
  shapeOf,
  tensor,
  unknownDims,
} from './call.ts'

const ones = (count: number): readonly number[] => Array<number>(count).fill(1)

/** How a window moves over the spatial axes. `kernel` may hold symbols where it comes from a weight's shape. */
interface Window {
  readonly kernel: readonly Dim[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[]
  readonly autoPad: string
  readonly ceil: boolean
}

/** The window of a convolution or pooling, with ONNX's defaults where attributes are absent. */
export function windowOf(call: Call, kernel: readonly Dim[]): Window {
  const count = kernel.length
  const of = (name: string, fallback: readonly number[]) => intsAttribute(call.node, name, fallback)
  return {
    kernel,
    strides: of('strides', ones(count)),
    dilations: of('dilations', ones(count)),
    pads: of('pads', Array<number>(2 * count).fill(0)),
    autoPad: stringAttribute(call.node, 'auto_pad', 'NOTSET'),
    ceil: intAttribute(call.node, 'ceil_mode', 0) === 1,
  }
}

/** Sizes of the spatial axes after the window moved over them. */
export function slid({ symbols }: Call, spatial: Shape, window: Window): Shape {
  const count = spatial.length
  return spatial.map((dim, i) => {
    const stride = window.strides[i] ?? 1
    const dilation = window.dilations[i] ?? 1
    const extent = symbols.add(symbols.multiply(dilation, symbols.subtract(window.kernel[i] ?? null, 1)), 1)
    if (window.autoPad.startsWith('SAME')) return symbols.divideUp(dim, stride)
    const valid = window.autoPad === 'VALID'
    const [begin, end] = valid ? [0, 0] : [window.pads[i] ?? 0, window.pads[i + count] ?? 0]
    const room = symbols.subtract(symbols.add(dim, begin + end), extent)
    // A window that does not fit: ONNX has no answer, and the runtime one place or none.
    if (typeof room === 'number' && room < 0) return null
    if (!window.ceil) return symbols.add(symbols.divide(room, stride), 1)
    // A last window that would start in the end padding is dropped: of an open size nobody knows where it starts.
    const steps = symbols.divideUp(room, stride)
    if (typeof steps === 'number' && typeof dim === 'number')
      return steps * stride >= dim + begin ? steps : symbols.add(steps, 1)
    return typeof extent === 'number' && end + stride <= extent ? symbols.add(steps, 1) : null
  })
}

/** Sizes of a convolution's output, given where the weight stands among the inputs. */
export function convolved(call: Call, weight: number): Shape | null {
  const [x, w] = [shapeOf(call, 0), shapeOf(call, weight)]
  const rank = x?.length ?? w?.length
  if (rank === undefined || rank < 2) return null
  const kernel = intsAttribute(call.node, 'kernel_shape', undefined) ?? w?.slice(2) ?? unknownDims(rank - 2)
  const spatial = x ? slid(call, x.slice(2), windowOf(call, kernel)) : unknownDims(rank - 2)
  return [x?.[0] ?? null, w?.[0] ?? null, ...spatial]
}

const convTranspose: Rule = (call) => {
  const [x, w] = [shapeOf(call, 0), shapeOf(call, 1)]
  if (!x || x.length < 3) return [tensor(dtypeOf(call, 0), null)]
  const { symbols, node } = call
  const count = x.length - 2
  const kernel = intsAttribute(node, 'kernel_shape', undefined) ?? w?.slice(2) ?? unknownDims(count)
  const { strides, dilations, pads, autoPad } = windowOf(call, kernel)
  const extra = intsAttribute(node, 'output_padding', Array<number>(count).fill(0))
  const stated = intsAttribute(node, 'output_shape', undefined)
  const spatial = x.slice(2).map((dim, i) => {
    if (stated) return stated[stated.length - count + i] ?? null
    if (autoPad.startsWith('SAME')) return symbols.multiply(dim, strides[i] ?? 1)
    const padding = autoPad === 'VALID' ? 0 : (pads[i] ?? 0) + (pads[i + count] ?? 0)
    const extent = symbols.multiply(dilations[i] ?? 1, symbols.subtract(kernel[i] ?? null, 1))
    const spread = symbols.multiply(symbols.subtract(dim, 1), strides[i] ?? 1)
    return symbols.add(symbols.add(spread, extent), 1 + (extra[i] ?? 0) - padding)
  })
  const channels = symbols.multiply(w?.[1] ?? null, intAttribute(node, 'group', 1))
  return [tensor(dtypeOf(call, 0), [x[0]!, channels, ...spatial])]
}

/**
 * The shape after pooling; `channelsLast` for the runtime's NHWC variants. Unknown where windows with gaps pad by
 * themselves: the runtime pads as if there were no gaps, and ends earlier than ONNX says.
 */
export function pooled(call: Call, channelsLast = false): Shape | null {
  const x = shapeOf(call, 0)
  const kernel = intsAttribute(call.node, 'kernel_shape', undefined)
  if (!x || !kernel) return kernel ? unknownDims(kernel.length + 2) : null
  const window = windowOf(call, kernel)
  const unclear = window.autoPad.startsWith('SAME') && window.dilations.some((dilation) => dilation !== 1)
  const over = (spatial: Shape) => (unclear ? unknownDims(spatial.length) : slid(call, spatial, window))
  if (channelsLast) return [x[0]!, ...over(x.slice(1, -1)), x.at(-1)!]
  return [x[0] ?? null, x[1] ?? null, ...over(x.slice(2))]
}

const maxPool: Rule = (call) => {
  const shape = pooled(call)
  return [tensor(dtypeOf(call, 0), shape), tensor('int64', shape)]
}

const pool: Rule = (call) => [tensor(dtypeOf(call, 0), pooled(call))]

const globalPool: Rule = (call) => [tensor(dtypeOf(call, 0), globallyPooled(shapeOf(call, 0)))]

export const globallyPooled = (shape: Shape | null, channelsLast = false): Shape | null =>
  shape?.map((dim, i) => (i === 0 || i === (channelsLast ? shape.length - 1 : 1) ? dim : 1)) ?? null

const maxUnpool: Rule = (call) => {
  const x = shapeOf(call, 0)
  const dtype = dtypeOf(call, 0)
  if (has(call, 2)) return [tensor(dtype, elementsOf(call, 2) ?? (x && unknownDims(x.length)))]
  const kernel = intsAttribute(call.node, 'kernel_shape', undefined)
  if (!x || !kernel) return [tensor(dtype, null)]
  const { symbols } = call
  const { strides, pads } = windowOf(call, kernel)
  const spatial = x.slice(2).map((dim, i) => {
    const spread = symbols.multiply(symbols.subtract(dim, 1), strides[i] ?? 1)
    return symbols.add(spread, (kernel[i] ?? 1) - (pads[i] ?? 0) - (pads[i + kernel.length] ?? 0))
  })
  return [tensor(dtype, [x[0]!, x[1]!, ...spatial])]
}

/** Sizes times scales in float32, rounded down, as runtimes do: exact for whole scales on symbols, else only on numbers. */
function scaled({ symbols }: Call, dim: Dim, scale: number | undefined): Dim {
  if (scale === undefined) return null
  if (typeof dim === 'number') return Math.floor(Math.fround(dim * scale))
  if (Number.isInteger(scale)) return symbols.multiply(dim, scale)
  return Number.isInteger(1 / scale) ? symbols.divide(dim, 1 / scale) : null
}

function floatsOf(call: Call, index: number): readonly number[] | undefined {
  const known = numbersOf(call, index)
  const constant = known ? undefined : call.constant(index)
  return known ?? (constant && Array.from(toNumbers(constant)))
}

const resize: Rule = (call) => {
  const x = shapeOf(call, 0)
  const dtype = dtypeOf(call, 0)
  if (!x) return [tensor(dtype, null)]
  const axes = normalAxes(intsAttribute(call.node, 'axes', undefined) ?? x.map((_, i) => i), x.length)
  if (!axes) return [tensor(dtype, unknownDims(x.length))]
  const scalesAt = call.opset < 11 ? 1 : 2
  const sizes = has(call, 3) ? elementsOf(call, 3) : undefined
  const scales = has(call, 3) ? undefined : floatsOf(call, scalesAt)
  const policy = stringAttribute(call.node, 'keep_aspect_ratio_policy', 'stretch')
  const kept = sizes && policy !== 'stretch' ? keepingAspect(x, axes, sizes, policy) : undefined
  const dims = x.map((dim, i) => {
    const at = axes.indexOf(i)
    if (at < 0) return dim
    if (kept !== undefined) return kept === null ? null : Math.floor(Number(dim) * kept + 0.5)
    return has(call, 3) ? (sizes?.[at] ?? null) : resizedByScale(call, dim, at, scales?.[at])
  })
  return [tensor(dtype, dims)]
}

/** The one scale for all axes that keeps proportions; null where a size is a symbol. */
function keepingAspect(x: Shape, axes: readonly number[], sizes: readonly Dim[], policy: string): number | null {
  const ratios = axes.map((axis, i) => {
    const [from, to] = [x[axis], sizes[i]]
    return typeof from === 'number' && typeof to === 'number' ? to / from : Number.NaN
  })
  if (ratios.some(Number.isNaN)) return null
  return policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
}

/** With crop and resize the region of interest scales the size as well. */
function resizedByScale(call: Call, dim: Dim, at: number, scale: number | undefined): Dim {
  if (stringAttribute(call.node, 'coordinate_transformation_mode', '') !== 'tf_crop_and_resize')
    return scaled(call, dim, scale)
  const roi = floatsOf(call, 1)
  const half = roi && roi.length / 2
  if (!roi || half === undefined || typeof dim !== 'number' || scale === undefined) return null
  return Math.floor(dim * ((roi[at + half] ?? 1) - (roi[at] ?? 0)) * scale)
}

const upsample: Rule = (call) => {
  const x = shapeOf(call, 0)
  const attribute = call.node.attributes.get('scales')
  const scales = attribute?.type === 'floats' ? attribute.value : floatsOf(call, 1)
  return [tensor(dtypeOf(call, 0), x?.map((dim, i) => scaled(call, dim, scales?.[i])) ?? null)]
}

const gridSample: Rule = (call) => {
  const [x, grid] = [shapeOf(call, 0), shapeOf(call, 1)]
  if (!x && !grid) return [tensor(dtypeOf(call, 0), null)]
  const spatial = grid?.slice(1, -1) ?? unknownDims(x!.length - 2)
  return [tensor(dtypeOf(call, 0), [x?.[0] ?? grid?.[0] ?? null, x?.[1] ?? null, ...spatial])]
}

const roiAlign: Rule = (call) => [
  tensor(dtypeOf(call, 0), [
    shapeOf(call, 1)?.[0] ?? null,
    shapeOf(call, 0)?.[1] ?? null,
    intAttribute(call.node, 'output_height', 1),
    intAttribute(call.node, 'output_width', 1),
  ]),
]

const maxRoiPool: Rule = (call) => {
  const [height, width] = intsAttribute(call.node, 'pooled_shape', [])
  const [rois, channels] = [shapeOf(call, 1)?.[0] ?? null, shapeOf(call, 0)?.[1] ?? null]
  return [tensor(dtypeOf(call, 0), [rois, channels, height ?? null, width ?? null])]
}

const col2Im: Rule = (call) => {
  const [x, image, block] = [shapeOf(call, 0), elementsOf(call, 1), elementsOf(call, 2)]
  if (!image) return [tensor(dtypeOf(call, 0), null)]
  const channels = block ? call.symbols.divideExactly(x?.[1] ?? null, call.symbols.product(block)) : null
  return [tensor(dtypeOf(call, 0), [x?.[0] ?? null, channels, ...image])]
}

const affineGrid: Rule = (call): Outputs => {
  const size = elementsOf(call, 1)
  if (!size) return [tensor(dtypeOf(call, 0), null)]
  return [tensor(dtypeOf(call, 0), [size[0]!, ...size.slice(2), size.length - 2])]
}

const imageDecoder: Rule = (call): readonly Known[] => {
  const channels = stringAttribute(call.node, 'pixel_format', 'RGB') === 'Grayscale' ? 1 : 3
  return [{ type: { kind: 'tensor', dtype: 'uint8', shape: [null, null, channels] } }]
}

export const spatialRules: Rules = {
  Conv: (call) => [tensor(dtypeOf(call, 0), convolved(call, 1))],
  DeformConv: (call) => [tensor(dtypeOf(call, 0), convolved(call, 1))],
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: pool,
  LpPool: pool,
  MaxUnpool: maxUnpool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  Resize: resize,
  Upsample: upsample,
  GridSample: gridSample,
  RoiAlign: roiAlign,
  MaxRoiPool: maxRoiPool,
  Col2Im: col2Im,
  AffineGrid: affineGrid,
  ImageDecoder: imageDecoder,
}
