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
  wants,
} from './call.ts'
import { around, axisOf, broadcastStrides, broadcastTo, offsetsOf, transposed } from './layout.ts'
import { EvaluationError, type Nd, numbersOf } from './value.ts'

interface Moments {
  readonly mean: number
  readonly variance: number
}

function momentsOf(data: Float64Array, start: number, end: number): Moments {
  let sum = 0
  for (let i = start; i < end; i++) sum += data[i]!
  const mean = sum / (end - start)
  let squares = 0
  for (let i = start; i < end; i++) squares += (data[i]! - mean) ** 2
  return { mean, variance: squares / (end - start) }
}

function batchNormalization(call: Call): Nd[] | null {
  const [x, scale, bias] = [input(call, 0), numbersOf(input(call, 1)), numbersOf(input(call, 2))]
  const [mean, variance] = [input(call, 3), input(call, 4)]
  if (call.opset < 9 && intOf(call, 'spatial', 1) === 0)
    throw new EvaluationError('BatchNormalization that is not spatial')
  const epsilon = floatOf(call, 'epsilon', Math.fround(1e-5))
  const c = x.dims[1] ?? 1
  const span = elementCount(x.dims.slice(2))
  const source = numbersOf(x)
  const training = intOf(call, 'training_mode', 0) === 1
  let [means, variances] = [numbersOf(mean), numbersOf(variance)]
  const running: Nd[] = []
  if (training) {
    const order = [1, 0, ...x.dims.slice(2).map((_, axis) => axis + 2)]
    const rows = numbersOf(x.dims.length > 1 ? transposed(x, order) : x)
    const width = rows.length / c
    const moments = Array.from({ length: c }, (_, i) => momentsOf(rows, i * width, (i + 1) * width))
    const momentum = floatOf(call, 'momentum', Math.fround(0.9))
    const blend = (old: Float64Array, own: (m: Moments) => number) =>
      old.map((v, i) => v * momentum + own(moments[i]!) * (1 - momentum))
    running.push(
      made(
        call,
        mean.dtype,
        mean.dims,
        blend(means, (m) => m.mean),
      ),
    )
    running.push(
      made(
        call,
        variance.dtype,
        variance.dims,
        blend(variances, (m) => m.variance),
      ),
    )
    means = Float64Array.from(moments, (m) => m.mean)
    variances = Float64Array.from(moments, (m) => m.variance)
  }
  const factor = scale.map((s, i) => s / Math.sqrt(variances[i]! + epsilon))
  const out = new Float64Array(source.length)
  for (let i = 0; i < out.length; i++) {
    const channel = Math.floor(i / span) % c
    out[i] = (source[i]! - means[channel]!) * factor[channel]! + bias[channel]!
  }
  return [made(call, x.dtype, x.dims, out), ...running]
}

/** Normalises rows of `width` elements and applies a scale and a bias by element place. */
function rowsNormalised(
  x: Float64Array,
  width: number,
  epsilon: number,
  apply: (value: number, i: number) => number,
): { out: Float64Array; means: Float64Array; inverses: Float64Array } {
  const count = width === 0 ? 0 : x.length / width
  const [out, means, inverses] = [new Float64Array(x.length), new Float64Array(count), new Float64Array(count)]
  for (let row = 0; row < count; row++) {
    const { mean, variance } = momentsOf(x, row * width, (row + 1) * width)
    const inverse = 1 / Math.sqrt(variance + epsilon)
    means[row] = mean
    inverses[row] = inverse
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = apply((x[i]! - mean) * inverse, i)
  }
  return { out, means, inverses }
}

function layerNorm(call: Call, x: Nd, scale: Nd, bias: Nd | undefined): Nd[] {
  const axis = axisOf(intOf(call, 'axis', -1), x.dims.length)
  const width = elementCount(x.dims.slice(axis))
  const factor = numbersOf(broadcastTo(scale, broadcastable(scale, x.dims.slice(axis), x.dims)))
  const added = bias && numbersOf(broadcastTo(bias, broadcastable(bias, x.dims.slice(axis), x.dims)))
  const epsilon = floatOf(call, 'epsilon', Math.fround(1e-5))
  const { out, means, inverses } = rowsNormalised(
    numbersOf(x),
    width,
    epsilon,
    (v, i) => v * factor[i % factor.length]! + (added ? added[i % added.length]! : 0),
  )
  const kept = x.dims.map((dim, at) => (at < axis ? dim : 1))
  // `stash_type` is float32 for every narrower type.
  const stash = x.dtype === 'float64' ? 'float64' : 'float32'
  return [made(call, x.dtype, x.dims, out), made(call, stash, kept, means), made(call, stash, kept, inverses)]
}

/** The trailing shape if the parameter fits in it, else the whole one. */
const broadcastable = (value: Nd, trailing: readonly number[], whole: readonly number[]): readonly number[] =>
  value.dims.length <= trailing.length ? trailing : whole

function rmsNorm(call: Call, x: Nd, scale: Nd): Nd[] {
  const axis = axisOf(intOf(call, 'axis', -1), x.dims.length)
  const width = elementCount(x.dims.slice(axis))
  const factor = numbersOf(broadcastTo(scale, broadcastable(scale, x.dims.slice(axis), x.dims)))
  const epsilon = floatOf(call, 'epsilon', Math.fround(1e-5))
  const source = numbersOf(x)
  const out = new Float64Array(source.length)
  const inverses = new Float64Array(width === 0 ? 0 : source.length / width)
  for (let row = 0; row < inverses.length; row++) {
    let sum = 0
    for (let i = row * width; i < (row + 1) * width; i++) sum += source[i]! ** 2
    const inverse = 1 / Math.sqrt(sum / width + epsilon)
    inverses[row] = inverse
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = source[i]! * inverse * factor[i % factor.length]!
  }
  const kept = x.dims.map((dim, at) => (at < axis ? dim : 1))
  return [made(call, x.dtype, x.dims, out), made(call, 'float32', kept, inverses)]
}

function instanceNormalization(call: Call): Nd[] {
  const [x, scale, bias] = [input(call, 0), numbersOf(input(call, 1)), numbersOf(input(call, 2))]
  const width = elementCount(x.dims.slice(2))
  const c = x.dims[1]!
  const { out } = rowsNormalised(numbersOf(x), width, floatOf(call, 'epsilon', Math.fround(1e-5)), (v, i) => {
    const channel = Math.floor(i / width) % c
    return v * scale[channel]! + bias[channel]!
  })
  return [made(call, x.dtype, x.dims, out)]
}

/** Opset 18 has a scale a group, opset 21 one a channel. */
function groupNormalization(call: Call): Nd[] {
  const [x, scale, bias] = [input(call, 0), numbersOf(input(call, 1)), numbersOf(input(call, 2))]
  const groups = intOf(call, 'num_groups', 1)
  const c = x.dims[1]!
  const span = elementCount(x.dims.slice(2))
  const { out } = rowsNormalised(
    numbersOf(x),
    (c / groups) * span,
    floatOf(call, 'epsilon', Math.fround(1e-5)),
    (v, i) => {
      const channel = Math.floor(i / span) % c
      const at = scale.length === c ? channel : Math.floor(channel / (c / groups))
      return v * scale[at]! + bias[at]!
    },
  )
  return [made(call, x.dtype, x.dims, out)]
}

function lrn(call: Call): Nd[] {
  const x = input(call, 0)
  const size = intOf(call, 'size', 1)
  const [alpha, beta, bias] = [
    floatOf(call, 'alpha', Math.fround(1e-4)),
    floatOf(call, 'beta', 0.75),
    floatOf(call, 'bias', 1),
  ]
  const { outer, size: channels, inner } = around(x.dims, 1)
  const source = numbersOf(x)
  const out = new Float64Array(source.length)
  for (let o = 0; o < outer; o++)
    for (let c = 0; c < channels; c++)
      for (let n = 0; n < inner; n++) {
        let sum = 0
        const last = Math.min(channels - 1, c + Math.ceil((size - 1) / 2))
        for (let at = Math.max(0, c - Math.floor((size - 1) / 2)); at <= last; at++)
          sum += source[(o * channels + at) * inner + n]! ** 2
        const i = (o * channels + c) * inner + n
        out[i] = source[i]! / (bias + (alpha / size) * sum) ** beta
      }
  return [made(call, x.dtype, x.dims, out)]
}

function lpNormalization(call: Call): Nd[] {
  const x = input(call, 0)
  const p = intOf(call, 'p', 2)
  const { outer, size, inner } = around(x.dims, axisOf(intOf(call, 'axis', -1), x.dims.length))
  const source = numbersOf(x)
  const out = new Float64Array(source.length)
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += Math.abs(source[(o * size + i) * inner + n]!) ** p
      const norm = sum ** (1 / p)
      for (let i = 0; i < size; i++) {
        const at = (o * size + i) * inner + n
        out[at] = norm === 0 ? 0 : source[at]! / norm
      }
    }
  return [made(call, x.dtype, x.dims, out)]
}

function meanVarianceNormalization(call: Call): Nd[] {
  const x = input(call, 0)
  const axes = (intsOf(call, 'axes') ?? [0, 2, 3]).map((axis) => axisOf(axis, x.dims.length))
  const stay = x.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const order = [...stay, ...axes]
  const rows = transposed(x, order)
  const width = elementCount(axes.map((axis) => x.dims[axis]!))
  const source = numbersOf(rows)
  const out = new Float64Array(source.length)
  for (let row = 0; row < source.length / width; row++) {
    const { mean, variance } = momentsOf(source, row * width, (row + 1) * width)
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = (source[i]! - mean) / (Math.sqrt(variance) + 1e-9)
  }
  const back = order.map((_, axis) => order.indexOf(axis))
  return [transposed(made(call, x.dtype, rows.dims, out), back)]
}

/** x + skip (+ bias), normalised; the fourth output is the sum itself. */
const skip =
  (root: boolean): Kernel =>
  (call) => {
    const [x, other, gamma] = [input(call, 0), input(call, 1), input(call, 2)]
    const beta = root ? undefined : optionalInput(call, 3)
    const bias = optionalInput(call, root ? 3 : 4)
    const source = numbersOf(x)
    const added = numbersOf(broadcastTo(other, x.dims))
    const extra = bias && numbersOf(bias)
    const at = bias && offsetsOf(x.dims, broadcastStrides(bias.dims, x.dims))
    const sum = made(
      call,
      x.dtype,
      x.dims,
      source.map((v, i) => v + added[i]! + (extra ? extra[at![i]!]! : 0)),
    )
    const exact = { ...call, node: call.node }
    const [out, mean, inverse] = root
      ? [rmsNorm(exact, sum, gamma)[0]!, undefined, rmsNorm(exact, sum, gamma)[1]!]
      : (layerNorm(exact, sum, gamma, beta) as [Nd, Nd, Nd])
    const outputs: Nd[] = [out]
    if (wants(call, 1) || wants(call, 2) || wants(call, 3)) outputs.push(mean ?? inverse, inverse, sum)
    return outputs
  }

export const normalization: Kernels = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: (call) => layerNorm(call, input(call, 0), input(call, 1), optionalInput(call, 2)),
  RMSNormalization: (call) => rmsNorm(call, input(call, 0), input(call, 1)).slice(0, 1),
  SimplifiedLayerNormalization: (call) => rmsNorm(call, input(call, 0), input(call, 1)),
  'com.microsoft.SimplifiedLayerNormalization': (call) => rmsNorm(call, input(call, 0), input(call, 1)),
  'com.microsoft.SkipLayerNormalization': skip(false),
  'com.microsoft.SkipSimplifiedLayerNormalization': skip(true),
  LRN: lrn,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
}
