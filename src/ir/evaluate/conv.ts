import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, intsOf, type Kernels, made, optionalInput, textOf } from './call.ts'
import { broadcastTo } from './layout.ts'
import { addRows, fused } from './matmul.ts'
import { addUnfoldedLoss } from './saturate.ts'
import { alike, EvaluationError, type Nd, numbersOf } from './value.ts'
import { groupOf, windowOf, windowOffsets } from './window.ts'

/** Numbers that a second-level cache holds. */
const CACHED = 1 << 15

/**
 * Sums of a convolution: x [N, C, …], w [M, C/group, k…], bias [M]. Padding adds zeros, so quantized inputs come with
 * their zero point taken off. Windows are gathered once a group into rows of taps, then multiplied.
 */
export function convolve(call: Call, x: Nd, w: Nd, bias?: Float64Array): { dims: number[]; data: Float64Array } {
  const [n, c, ...spatial] = x.dims as [number, number, ...number[]]
  const [m, perGroup, ...kernel] = w.dims as [number, number, ...number[]]
  const groups = groupOf(call)
  if (perGroup * groups !== c || m % groups !== 0)
    throw new EvaluationError(`weights [${w.dims.join(',')}] in ${groups} groups for input [${x.dims.join(',')}]`)
  const window = windowOf(call, spatial, kernel)
  const { offsets, taps } = windowOffsets(window, spatial)
  const places = elementCount(window.output)
  const size = elementCount(spatial)
  const [xv, wv] = [numbersOf(x), numbersOf(w)]
  const data = new Float64Array(n * m * places)
  const filters = m / groups
  const depth = perGroup * taps
  // Places in pieces whose rows of taps stay in the cache.
  const piece = Math.max(16, Math.min(places, Math.floor(CACHED / Math.max(1, depth))))
  const rows = new Float64Array(depth * piece)
  if (bias) for (let i = 0; i < n * m; i++) data.fill(bias[i % m]!, i * places, (i + 1) * places)
  for (let image = 0; image < n; image++)
    for (let group = 0; group < groups; group++)
      for (let start = 0; start < places; start += piece) {
        const count = Math.min(piece, places - start)
        for (let channel = 0; channel < perGroup; channel++) {
          const from = (image * c + group * perGroup + channel) * size
          for (let tap = 0; tap < taps; tap++) {
            const row = (channel * taps + tap) * count
            for (let place = 0; place < count; place++) {
              const offset = offsets[(start + place) * taps + tap]!
              rows[row + place] = offset < 0 ? 0 : xv[from + offset]!
            }
          }
        }
        for (let filter = group * filters; filter < (group + 1) * filters; filter++)
          addRows(data, (image * m + filter) * places + start, count, wv, filter * depth, depth, rows, 0)
      }
  return { dims: [n, m, ...window.output], data }
}

function convTranspose(call: Call): Nd[] {
  const [x, w, bias] = [input(call, 0), input(call, 1), optionalInput(call, 2)]
  const [n, c, ...spatial] = x.dims as [number, number, ...number[]]
  const [, perGroup, ...kernel] = w.dims as [number, number, ...number[]]
  const groups = groupOf(call)
  const m = perGroup * groups
  const strides = intsOf(call, 'strides') ?? kernel.map(() => 1)
  const dilations = intsOf(call, 'dilations') ?? kernel.map(() => 1)
  const extra = intsOf(call, 'output_padding') ?? kernel.map(() => 0)
  const auto = textOf(call, 'auto_pad', 'NOTSET')
  const shape = intsOf(call, 'output_shape')?.slice(-kernel.length)
  const full = kernel.map((size, axis) => (spatial[axis]! - 1) * strides[axis]! + (size - 1) * dilations[axis]! + 1)
  const pads = auto === 'VALID' ? undefined : intsOf(call, 'pads')
  let before = kernel.map((_, axis) => pads?.[axis] ?? 0)
  const after = kernel.map((_, axis) => pads?.[axis + kernel.length] ?? 0)
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER'
  const output = kernel.map(
    (_, axis) =>
      shape?.[axis] ??
      (same ? spatial[axis]! * strides[axis]! : full[axis]! + extra[axis]! - before[axis]! - after[axis]!),
  )
  if (shape || same) {
    const total = output.map((out, axis) => Math.max(0, full[axis]! + extra[axis]! - out))
    before = total.map((pad) => (auto === 'SAME_UPPER' ? Math.floor(pad / 2) : pad - Math.floor(pad / 2)))
  }
  const places = elementCount(output)
  const size = elementCount(spatial)
  // The window table of the convolution that this one transposes: its input is our output.
  const { offsets, taps } = windowOffsets({ kernel, strides, dilations, before, after, output: spatial }, output)
  const [xv, wv] = [numbersOf(x), numbersOf(w)]
  const data = new Float64Array(n * m * places)
  const channels = c / groups
  for (let image = 0; image < n; image++)
    for (let channel = 0; channel < c; channel++) {
      const group = Math.floor(channel / channels)
      for (let filter = 0; filter < perGroup; filter++) {
        const to = (image * m + group * perGroup + filter) * places
        const from = (image * c + channel) * size
        const weights = (channel * perGroup + filter) * taps
        for (let place = 0; place < size; place++) {
          const value = xv[from + place]!
          for (let tap = 0; tap < taps; tap++) {
            const offset = offsets[place * taps + tap]!
            if (offset >= 0) data[to + offset]! += value * wv[weights + tap]!
          }
        }
      }
    }
  if (bias) {
    const added = numbersOf(bias)
    for (let i = 0; i < data.length; i++) data[i]! += added[Math.floor(i / places) % m]!
  }
  return [made(call, x.dtype, [n, m, ...output], data)]
}

/** Blocks of columns added back into an image, the reverse of gathering windows. */
function col2im(call: Call): Nd[] {
  const x = input(call, 0)
  const image = Array.from(numbersOf(input(call, 1)))
  const kernel = Array.from(numbersOf(input(call, 2)))
  const window = windowOf(call, image, kernel)
  const { offsets, taps } = windowOffsets(window, image)
  const places = elementCount(window.output)
  const n = x.dims[0]!
  const channels = x.dims[1]! / taps
  if (!Number.isInteger(channels)) throw new EvaluationError(`${x.dims[1]} rows in blocks of ${taps}`)
  const size = elementCount(image)
  const source = numbersOf(x)
  const data = new Float64Array(n * channels * size)
  for (let block = 0; block < n * channels; block++)
    for (let tap = 0; tap < taps; tap++)
      for (let place = 0; place < places; place++) {
        const offset = offsets[place * taps + tap]!
        if (offset >= 0) data[block * size + offset]! += source[(block * taps + tap) * places + place]!
      }
  return [made(call, x.dtype, [n, channels, ...image], data)]
}

/** Convolution in two dimensions whose taps are moved by learned offsets and read bilinearly. */
function deformConv(call: Call): Nd[] {
  const [x, w, offset] = [input(call, 0), input(call, 1), input(call, 2)]
  const [bias, mask] = [optionalInput(call, 3), optionalInput(call, 4)]
  const [n, c, height, width] = x.dims as [number, number, number, number]
  const [m, perGroup, ...kernel] = w.dims as [number, number, ...number[]]
  if (kernel.length !== 2) throw new EvaluationError('DeformConv beyond two dimensions')
  const groups = groupOf(call)
  const offsetGroups = intOf(call, 'offset_group', 1)
  const window = windowOf(call, [height, width], kernel)
  const [oh, ow] = window.output as [number, number]
  const places = oh * ow
  const taps = kernel[0]! * kernel[1]!
  const [xv, wv, ov] = [numbersOf(x), numbersOf(w), numbersOf(offset)]
  const mv = mask && numbersOf(mask)
  const bv = bias && numbersOf(bias)
  const pixel = (from: number, row: number, column: number) =>
    row >= 0 && row < height && column >= 0 && column < width ? xv[from + row * width + column]! : 0
  const bilinear = (from: number, y: number, xAt: number) => {
    const [top, left] = [Math.floor(y), Math.floor(xAt)]
    const [dy, dx] = [y - top, xAt - left]
    return (
      (1 - dy) * ((1 - dx) * pixel(from, top, left) + dx * pixel(from, top, left + 1)) +
      dy * ((1 - dx) * pixel(from, top + 1, left) + dx * pixel(from, top + 1, left + 1))
    )
  }
  const data = new Float64Array(n * m * places)
  for (let image = 0; image < n; image++)
    for (let filter = 0; filter < m; filter++) {
      const group = Math.floor(filter / (m / groups))
      for (let place = 0; place < places; place++) {
        let sum = bv ? bv[filter]! : 0
        for (let ci = 0; ci < perGroup; ci++) {
          const channel = group * perGroup + ci
          const offsetGroup = Math.floor(channel / (c / offsetGroups))
          for (let tap = 0; tap < taps; tap++) {
            const base = ((image * offsetGroups + offsetGroup) * taps + tap) * 2 * places + place
            const row = Math.floor(place / ow) * window.strides[0]! - window.before[0]!
            const column = (place % ow) * window.strides[1]! - window.before[1]!
            const y = row + Math.floor(tap / kernel[1]!) * window.dilations[0]! + ov[base]!
            const at = column + (tap % kernel[1]!) * window.dilations[1]! + ov[base + places]!
            const weight = wv[(filter * perGroup + ci) * taps + tap]!
            const gate = mv ? mv[((image * offsetGroups + offsetGroup) * taps + tap) * places + place]! : 1
            sum += weight * gate * bilinear((image * c + channel) * height * width, y, at)
          }
        }
        data[(image * m + filter) * places + place] = sum
      }
    }
  return [made(call, x.dtype, [n, m, oh, ow], data)]
}

const biasOf = (call: Call): Float64Array | undefined => {
  const bias = optionalInput(call, 2)
  return bias && numbersOf(bias)
}

/** Elements less a zero point: one for all, or one an output channel (axis 0) for weights. */
export function lessZero(x: Nd, zero: Nd | undefined): Nd {
  const values = numbersOf(x)
  if (!zero) return { ...x, dtype: 'float64', data: values }
  const zeros = numbersOf(zero)
  const span = zeros.length === 1 ? values.length : values.length / zeros.length
  return { ...x, dtype: 'float64', data: values.map((v, i) => v - zeros[Math.floor(i / span)]!) }
}

export const convolution: Kernels = {
  Conv: (call) => {
    const x = input(call, 0)
    alike(x, input(call, 1), optionalInput(call, 2))
    const { dims, data } = convolve(call, x, input(call, 1), biasOf(call))
    return [made(call, x.dtype, dims, data)]
  },
  ConvInteger: (call) => {
    const x = lessZero(input(call, 0), optionalInput(call, 2))
    const { dims, data } = convolve(call, x, lessZero(input(call, 1), optionalInput(call, 3)))
    addUnfoldedLoss(call, input(call, 0), optionalInput(call, 2), input(call, 1), data)
    return [made(call, 'int32', dims, data)]
  },
  ConvTranspose: convTranspose,
  Col2Im: col2im,
  DeformConv: deformConv,
  'com.microsoft.FusedConv': (call) => {
    const [x, added] = [input(call, 0), optionalInput(call, 3)]
    const { dims, data } = convolve(call, x, input(call, 1), biasOf(call))
    if (added) {
      const other = numbersOf(broadcastTo(added, dims))
      for (let i = 0; i < data.length; i++) data[i]! += other[i]!
    }
    return [made(call, x.dtype, dims, fused(call, data))]
  },
}
