import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, intsFrom, intsOf, type Kernels, optionalInput, tensorInputs, textOf } from './call.ts'
import {
  axisOf,
  broadcastDims,
  broadcastTo,
  concatenated,
  offsetsOf,
  sliced,
  strided,
  stridesOf,
  take,
  transposed,
} from './layout.ts'
import { alike, EvaluationError, int64, listOf, type Nd, numbersOf, reshaped } from './value.ts'

/** 0 copies the input's dimension (unless `allowzero`), −1 takes what is left. */
function reshape(call: Call): Nd[] {
  const x = input(call, 0)
  const wanted = intsFrom(call, 'shape', 1) ?? []
  const zero = intOf(call, 'allowzero', 0) === 1
  const dims = wanted.map((dim, axis) => (dim === 0 && !zero ? (x.dims[axis] ?? 0) : dim))
  const hole = dims.indexOf(-1)
  if (hole >= 0) {
    const rest = elementCount(dims.filter((_, axis) => axis !== hole))
    dims[hole] = rest === 0 ? 0 : elementCount(x.dims) / rest
  }
  return [reshaped(x, dims)]
}

function squeeze(call: Call): Nd[] {
  const x = input(call, 0)
  const given = intsFrom(call, 'axes', 1)?.map((axis) => axisOf(axis, x.dims.length))
  const drop = given ?? x.dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []))
  if (drop.some((axis) => x.dims[axis] !== 1)) throw new EvaluationError(`squeeze of an axis that is not 1`)
  return [
    reshaped(
      x,
      x.dims.filter((_, axis) => !drop.includes(axis)),
    ),
  ]
}

function unsqueeze(call: Call): Nd[] {
  const x = input(call, 0)
  const axes = intsFrom(call, 'axes', 1) ?? []
  const rank = x.dims.length + axes.length
  const places = new Set(axes.map((axis) => axisOf(axis, rank)))
  if (places.size !== axes.length) throw new EvaluationError('an axis is added twice')
  const rest = [...x.dims]
  return [
    reshaped(
      x,
      Array.from({ length: rank }, (_, axis) => (places.has(axis) ? 1 : rest.shift()!)),
    ),
  ]
}

function slice(call: Call): Nd[] {
  const x = input(call, 0)
  const rank = x.dims.length
  const starts = intsFrom(call, 'starts', 1) ?? []
  const ends = intsFrom(call, 'ends', 2) ?? []
  const axes = intsFrom(call, 'axes', 3) ?? starts.map((_, axis) => axis)
  const given = optionalInput(call, 4)
  const steps = given ? listOf(given) : starts.map(() => 1)
  const dims = [...x.dims]
  const strides = stridesOf(x.dims)
  let base = 0
  for (const [i, value] of axes.entries()) {
    const axis = axisOf(value, rank)
    const size = x.dims[axis]!
    const step = steps[i] ?? 1
    if (step === 0) throw new EvaluationError('a step of zero')
    const clamp = (at: number, low: number, high: number) => Math.min(high, Math.max(low, at < 0 ? at + size : at))
    const start = step > 0 ? clamp(starts[i]!, 0, size) : clamp(starts[i]!, 0, size - 1)
    const end = step > 0 ? clamp(ends[i]!, 0, size) : clamp(ends[i]!, -1, size - 1)
    dims[axis] = Math.max(0, Math.ceil((end - start) / step))
    base += start * strides[axis]!
    strides[axis]! *= step
  }
  return [strided(x, dims, strides, base)]
}

function split(call: Call): Nd[] {
  const x = input(call, 0)
  const axis = axisOf(intOf(call, 'axis', 0), x.dims.length)
  const size = x.dims[axis]!
  const parts = intsFrom(call, 'split', 1) ?? evenParts(size, intOf(call, 'num_outputs', call.node.outputs.length))
  if (parts.reduce((sum, part) => sum + part, 0) !== size)
    throw new EvaluationError(`parts [${parts.join(',')}] of an axis of ${size}`)
  let start = 0
  return parts.map((part) => {
    const value = sliced(x, axis, start, part)
    start += part
    return value
  })
}

/** The last part is the smaller one. */
function evenParts(size: number, count: number): number[] {
  const part = Math.ceil(size / count)
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)))
}

type Source = (index: number, size: number) => number
/** Where an element outside an axis comes from; −1 is the constant. */
const PAD_MODES: Readonly<Record<string, Source>> = {
  constant: (i, size) => (i >= 0 && i < size ? i : -1),
  edge: (i, size) => Math.min(size - 1, Math.max(0, i)),
  reflect: (i, size) => {
    if (size === 1) return 0
    const period = 2 * (size - 1)
    const at = ((i % period) + period) % period
    return at < size ? at : period - at
  },
  wrap: (i, size) => ((i % size) + size) % size,
}

/** `value` with `before` and `after` elements added to each axis; negative counts cut. */
function padded(
  value: Nd,
  before: readonly number[],
  after: readonly number[],
  mode = 'constant',
  fill?: number | bigint | string,
): Nd {
  const source = PAD_MODES[mode]
  if (!source) throw new EvaluationError(`pad mode ${mode}`)
  const dims = value.dims.map((dim, axis) => dim + before[axis]! + after[axis]!)
  const strides = stridesOf(value.dims)
  // Every axis is a table of source offsets; −1 anywhere makes the element constant.
  const tables = dims.map((dim, axis) =>
    Int32Array.from({ length: Math.max(0, dim) }, (_, i) => {
      const at = source(i - before[axis]!, value.dims[axis]!)
      return at < 0 ? -1 : at * strides[axis]!
    }),
  )
  const own = stridesOf(dims)
  const offsets = new Int32Array(elementCount(dims))
  for (let i = 0; i < offsets.length; i++) {
    let offset = 0
    let rest = i
    for (let axis = 0; axis < dims.length; axis++) {
      const index = Math.floor(rest / own[axis]!)
      rest -= index * own[axis]!
      const at = tables[axis]![index]!
      if (at < 0) {
        offset = -1
        break
      }
      offset += at
    }
    offsets[i] = offset
  }
  return take(value, dims, offsets, fill)
}

function pad(call: Call): Nd[] {
  const x = input(call, 0)
  const rank = x.dims.length
  const pads = intsFrom(call, 'pads', 1) ?? intsOf(call, 'paddings') ?? []
  const axes = call.inputs[3] ? listOf(input(call, 3)).map((axis) => axisOf(axis, rank)) : x.dims.map((_, axis) => axis)
  const before = new Array<number>(rank).fill(0)
  const after = new Array<number>(rank).fill(0)
  for (const [i, axis] of axes.entries()) {
    before[axis] = pads[i] ?? 0
    after[axis] = pads[i + axes.length] ?? 0
  }
  const value = optionalInput(call, 2)
  alike(x, value)
  const attribute = call.node.attributes.get('value')
  const fill = value?.data[0] ?? (attribute?.type === 'float' && call.opset < 11 ? attribute.value : undefined)
  return [padded(x, before, after, textOf(call, 'mode', 'constant'), fill)]
}

function tile(call: Call): Nd[] {
  const x = input(call, 0)
  const repeats = listOf(input(call, 1))
  // Each axis is read as [repeat, dim] with stride 0 on the repeat.
  const strides = stridesOf(x.dims)
  const dims = x.dims.flatMap((dim, axis) => [repeats[axis]!, dim])
  const value = take(
    x,
    dims,
    offsetsOf(
      dims,
      x.dims.flatMap((_, axis) => [0, strides[axis]!]),
    ),
  )
  return [
    reshaped(
      value,
      x.dims.map((dim, axis) => dim * repeats[axis]!),
    ),
  ]
}

function depthToSpace(call: Call): Nd[] {
  const x = input(call, 0)
  const [n, c, h, w] = x.dims as [number, number, number, number]
  const b = intOf(call, 'blocksize', 1)
  const depth = c / (b * b)
  const crd = textOf(call, 'mode', 'DCR') === 'CRD'
  const blocks = reshaped(x, crd ? [n, depth, b, b, h, w] : [n, b, b, depth, h, w])
  const moved = transposed(blocks, crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2])
  return [reshaped(moved, [n, depth, h * b, w * b])]
}

function spaceToDepth(call: Call): Nd[] {
  const x = input(call, 0)
  const [n, c, h, w] = x.dims as [number, number, number, number]
  const b = intOf(call, 'blocksize', 1)
  const blocks = transposed(reshaped(x, [n, c, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4])
  return [reshaped(blocks, [n, c * b * b, h / b, w / b])]
}

function centerCropPad(call: Call): Nd[] {
  const x = input(call, 0)
  const wanted = listOf(input(call, 1))
  const axes = intsOf(call, 'axes')?.map((axis) => axisOf(axis, x.dims.length)) ?? x.dims.map((_, axis) => axis)
  const before = new Array<number>(x.dims.length).fill(0)
  const after = new Array<number>(x.dims.length).fill(0)
  for (const [i, axis] of axes.entries()) {
    const extra = wanted[i]! - x.dims[axis]!
    // The odd element goes after; a cut starts at half of what goes, rounded down.
    before[axis] = extra >= 0 ? Math.floor(extra / 2) : -Math.floor(-extra / 2)
    after[axis] = extra - before[axis]
  }
  return [padded(x, before, after)]
}

export const shape: Kernels = {
  Shape: (call) => {
    const { dims } = input(call, 0)
    const clamp = (at: number) => Math.min(dims.length, Math.max(0, at < 0 ? at + dims.length : at))
    return [int64(dims.slice(clamp(intOf(call, 'start', 0)), clamp(intOf(call, 'end', dims.length))))]
  },
  Size: (call) => [int64([elementCount(input(call, 0).dims)], [])],
  Reshape: reshape,
  Flatten: (call) => {
    const x = input(call, 0)
    const given = intOf(call, 'axis', 1)
    const axis = given < 0 ? given + x.dims.length : given
    return [reshaped(x, [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))])]
  },
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (call) => {
    const x = input(call, 0)
    return [transposed(x, intsOf(call, 'perm') ?? x.dims.map((_, axis) => x.dims.length - 1 - axis))]
  },
  Expand: (call) => {
    const x = input(call, 0)
    return [broadcastTo(x, broadcastDims(x.dims, listOf(input(call, 1))))]
  },
  Tile: tile,
  Concat: (call) => {
    const values = tensorInputs(call)
    return [concatenated(values, axisOf(intOf(call, 'axis', 1), values[0]?.dims.length ?? 0))]
  },
  Split: split,
  Slice: slice,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  CenterCropPad: centerCropPad,
  Trilu: (call) => {
    const x = input(call, 0)
    const given = optionalInput(call, 1)
    const k = given ? numbersOf(given)[0]! : 0
    const upper = intOf(call, 'upper', 1) === 1
    const [rows, columns] = x.dims.slice(-2) as [number, number]
    const offsets = Int32Array.from({ length: elementCount(x.dims) }, (_, i) => {
      const row = Math.floor(i / columns) % rows
      const column = i % columns
      return (upper ? column - row >= k : column - row <= k) ? i : -1
    })
    return [take(x, x.dims, offsets)]
  },
}
