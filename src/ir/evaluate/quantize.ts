import type { DType } from '../dtype.ts'
import { INTEGER_RANGES, isSmallFloat, roundHalfEven, roundTo } from '../numbers.ts'
import { elementCount } from '../tensor.ts'
import { type Call, floatOf, input, intOf, type Kernel, type Kernels, made, optionalInput } from './call.ts'
import { cast, dtypeAttribute } from './cast.ts'
import { convolve, lessZero } from './conv.ts'
import { axisOf, broadcastDims, broadcastStrides, concatenated, offsetsOf, stridesOf, transposed } from './layout.ts'
import { centred, matmul } from './matmul.ts'
import { pooling } from './pool.ts'
import { addConvLoss, addMatMulLoss } from './saturate.ts'
import { sigmoid } from './special-functions.ts'
import { carried, EvaluationError, isWide, type Nd, nd, numbersOf, sizeOf } from './value.ts'

const clamp = (value: number, [low, high]: readonly [number, number]): number =>
  value < low ? low : value > high ? high : value

function rangeOf(dtype: DType): readonly [number, number] {
  const range = INTEGER_RANGES[dtype]
  if (!range || isWide(dtype)) throw new EvaluationError(`${dtype} is no type of codes`)
  return range
}

/** The place of each element's scale: one for all, one an index of `axis`, or one a block of `block` along it. */
function scaleOffsets(x: Nd, scale: Nd, axis: number, block: number): Int32Array | undefined {
  if (sizeOf(scale) === 1 && block === 0) return undefined
  const strides = stridesOf(x.dims)
  const own = stridesOf(scale.dims)
  return Int32Array.from({ length: sizeOf(x) }, (_, i) => {
    if (block === 0) return Math.floor(i / strides[axis]!) % x.dims[axis]!
    let offset = 0
    for (let at = 0; at < x.dims.length; at++) {
      const index = Math.floor(i / strides[at]!) % x.dims[at]!
      offset += (at === axis ? Math.floor(index / block) : index) * own[at]!
    }
    return offset
  })
}

function quantizeLinear(call: Call): Nd[] {
  const [x, scale, zero] = [input(call, 0), input(call, 1), optionalInput(call, 2)]
  const axis = x.dims.length === 0 ? 0 : axisOf(sizeOf(scale) === 1 ? 0 : intOf(call, 'axis', 1), x.dims.length)
  const block = intOf(call, 'block_size', 0)
  const dtype = zero?.dtype ?? dtypeAttribute(call, 'output_dtype', 'uint8')
  const at = scaleOffsets(x, scale, axis, block)
  const [source, scales, zeros] = [numbersOf(x), numbersOf(scale), zero && numbersOf(zero)]
  // The division is rounded to the type of the scale first, as the runtimes do it.
  const ratio = (i: number, place: number) => {
    const exact = source[i]! / scales[place]!
    return call.float64 ? exact : roundTo(scale.dtype === 'float64' ? 'float64' : 'float32', exact)
  }
  const out = new Float64Array(source.length)
  if (isSmallFloat(dtype)) {
    for (let i = 0; i < out.length; i++) out[i] = ratio(i, at ? at[i]! : 0) + (zeros ? zeros[at ? at[i]! : 0]! : 0)
    return [cast(nd('float64', x.dims, out), dtype, false, { saturate: intOf(call, 'saturate', 1) === 1 })]
  }
  const range = rangeOf(dtype)
  for (let i = 0; i < out.length; i++) {
    const place = at ? at[i]! : 0
    out[i] = clamp(roundHalfEven(ratio(i, place)) + (zeros ? zeros[place]! : 0), range) || 0
  }
  return [nd(dtype, x.dims, out)]
}

function dequantizeLinear(call: Call): Nd[] {
  const [x, scale, zero] = [input(call, 0), input(call, 1), optionalInput(call, 2)]
  const axis = x.dims.length === 0 ? 0 : axisOf(sizeOf(scale) === 1 ? 0 : intOf(call, 'axis', 1), x.dims.length)
  const at = scaleOffsets(x, scale, axis, intOf(call, 'block_size', 0))
  const [source, scales, zeros] = [numbersOf(x), numbersOf(scale), zero && numbersOf(zero)]
  const out = source.map((v, i) => (v - (zeros ? zeros[at ? at[i]! : 0]! : 0)) * scales[at ? at[i]! : 0]!)
  return [made(call, dtypeAttribute(call, 'output_dtype', scale.dtype), x.dims, out)]
}

/** uint8 codes of a tensor with one scale that reaches over all of it and 0, that scale, and the zero point. */
export function dynamicCodes(x: Nd, float64: boolean): [codes: Nd, scale: Nd, zero: Nd] {
  const source = numbersOf(x)
  const low = source.reduce((a, b) => Math.min(a, b), 0)
  const high = source.reduce((a, b) => Math.max(a, b), 0)
  const round = (v: number) => (float64 ? v : Math.fround(v))
  const scale = round(round(high - low) / 255) || 1
  const zero = clamp(roundHalfEven(round(-low / scale)), [0, 255])
  const out = source.map((v) => clamp(roundHalfEven(round(v / scale)) + zero, [0, 255]))
  return [
    nd('uint8', x.dims, out),
    nd(carried('float32', float64), [], Float64Array.of(scale)),
    nd('uint8', [], Float64Array.of(zero)),
  ]
}

/** Real numbers to codes of `dtype` with one scale and zero point, by a kernel's own way to round. */
const requantizing =
  (whole: (value: number, scale: number, offset: number) => number) =>
  (values: Float64Array, dims: readonly number[], scale: number, zero: Nd | undefined, dtype: DType): Nd => {
    const range = rangeOf(dtype)
    const offset = zero ? numbersOf(zero)[0]! : 0
    return nd(
      dtype,
      dims,
      values.map((v) => clamp(whole(v, scale, offset), range)),
    )
  }

/** As most integer kernels end: rounded, then moved by the zero point. */
const requantized = requantizing((v, scale, offset) => roundHalfEven(v / scale) + offset)

/**
 * As the kernels end that add the zero point before they round, in float32 throughout: a half, which is common where
 * codes are multiplied or four of them averaged, goes to the even code, not to the even distance from it.
 */
const requantizedWhole = requantizing((v, scale, offset) =>
  roundHalfEven(Math.fround(Math.fround(Math.fround(v) / scale) + offset)),
)

/** The real numbers of a code tensor with one scale and zero point; without float rounding between. */
const real = (x: Nd, scale: Nd, zero: Nd | undefined): Float64Array => {
  const [factor, offset] = [numbersOf(scale)[0]!, zero ? numbersOf(zero)[0]! : 0]
  return numbersOf(x).map((v) => (v - offset) * factor)
}

function qLinearConv(call: Call): Nd[] {
  const [xScale, wScale, yScale] = [input(call, 1), numbersOf(input(call, 4)), input(call, 6)]
  const [zero, bias] = [input(call, 7), optionalInput(call, 8)]
  const x = lessZero(input(call, 0), optionalInput(call, 2))
  const w = lessZero(input(call, 3), optionalInput(call, 5))
  const { dims, data } = convolve(call, x, w, bias && numbersOf(bias))
  addConvLoss(call, input(call, 0), optionalInput(call, 2), input(call, 3), data)
  const span = elementCount(dims.slice(2))
  const factor = numbersOf(xScale)[0]!
  const out = data.map((sum, i) => sum * factor * wScale[wScale.length === 1 ? 0 : Math.floor(i / span) % dims[1]!]!)
  return [requantized(out, dims, numbersOf(yScale)[0]!, zero, zero.dtype)]
}

function qLinearMatMul(call: Call): Nd[] {
  const a = centred(input(call, 0), input(call, 2), 'left')
  const b = centred(input(call, 3), input(call, 5), 'right')
  const [aScale, bScale, yScale, zero] = [
    numbersOf(input(call, 1)),
    numbersOf(input(call, 4)),
    input(call, 6),
    input(call, 7),
  ]
  const { dims, data } = matmul(a, b)
  addMatMulLoss(call, input(call, 0), input(call, 3), data)
  const columns = dims.at(-1) ?? 1
  const rows = dims.at(-2) ?? 1
  const out = data.map(
    (sum, i) =>
      sum *
      aScale[aScale.length === 1 ? 0 : Math.floor(i / columns) % rows]! *
      bScale[bScale.length === 1 ? 0 : i % columns]!,
  )
  return [requantized(out, dims, numbersOf(yScale)[0]!, zero, zero.dtype)]
}

/** alpha·A·B + C on codes; without an output scale the result is float32. */
function qGemm(call: Call): Nd[] {
  const swap = (value: Nd, on: number) => {
    if (!on) return value
    const [m, n] = value.dims as [number, number]
    const data = numbersOf(value)
    return {
      ...value,
      dims: [n, m],
      data: Float64Array.from({ length: m * n }, (_, i) => data[(i % m) * n + Math.floor(i / m)]!),
    }
  }
  const transB = intOf(call, 'transB', 0)
  const [rawA, rawB] = [swap(input(call, 0), intOf(call, 'transA', 0)), swap(input(call, 3), transB)]
  // Per-column scales and zero points belong to B as it is multiplied.
  const [a, b] = [lessZero(rawA, input(call, 2)), centred(rawB, input(call, 5), 'right')]
  const [aScale, bScale, bias] = [numbersOf(input(call, 1))[0]!, numbersOf(input(call, 4)), optionalInput(call, 6)]
  const { dims, data } = matmul(a, b)
  addMatMulLoss(call, rawA, rawB, data)
  const alpha = floatOf(call, 'alpha', 1)
  const added = bias && numbersOf(bias)
  const at = bias && offsetsOf(dims, broadcastStrides(bias.dims, dims))
  const out = data.map(
    (sum, i) =>
      (sum + (added ? added[at![i]!]! : 0)) * alpha * aScale * bScale[bScale.length === 1 ? 0 : i % dims[1]!]!,
  )
  const [yScale, yZero] = [optionalInput(call, 7), optionalInput(call, 8)]
  if (!yScale) return [made(call, 'float32', dims, out)]
  return [requantized(out, dims, numbersOf(yScale)[0]!, yZero, yZero?.dtype ?? input(call, 0).dtype)]
}

function qAdd(call: Call): Nd[] {
  const [a, b] = [input(call, 0), input(call, 3)]
  const [av, bv] = [real(a, input(call, 1), optionalInput(call, 2)), real(b, input(call, 4), optionalInput(call, 5))]
  const dims = broadcastDims(a.dims, b.dims)
  const [at, bt] = [offsetsOf(dims, broadcastStrides(a.dims, dims)), offsetsOf(dims, broadcastStrides(b.dims, dims))]
  const out = Float64Array.from(at, (from, i) => av[from]! + bv[bt[i]!]!)
  return [requantized(out, dims, numbersOf(input(call, 6))[0]!, optionalInput(call, 7), a.dtype)]
}

/** The product of the codes times the ratio of the scales, as the kernel takes it. */
function qMul(call: Call): Nd[] {
  const [a, b] = [input(call, 0), input(call, 3)]
  const [av, bv] = [lessZero(a, optionalInput(call, 2)), lessZero(b, optionalInput(call, 5))].map(numbersOf) as [
    Float64Array,
    Float64Array,
  ]
  const dims = broadcastDims(a.dims, b.dims)
  const [at, bt] = [offsetsOf(dims, broadcastStrides(a.dims, dims)), offsetsOf(dims, broadcastStrides(b.dims, dims))]
  const [aScale, bScale, scale] = [1, 4, 6].map((slot) => numbersOf(input(call, slot))[0]!) as [number, number, number]
  const ratio = Math.fround(Math.fround(aScale * bScale) / scale)
  const out = Float64Array.from(at, (from, i) => av[from]! * bv[bt[i]!]! * ratio)
  return [requantizedWhole(out, dims, 1, optionalInput(call, 7), a.dtype)]
}

const qUnary =
  (fn: (call: Call) => (x: number) => number): Kernel =>
  (call) => {
    const x = input(call, 0)
    const out = real(x, input(call, 1), optionalInput(call, 2)).map(fn(call))
    return [requantized(out, x.dims, numbersOf(input(call, 3))[0]!, optionalInput(call, 4), x.dtype)]
  }

/** A pool of the real numbers, in float32 or exact as its kernel has them, whose result becomes codes again by `code`. */
const qPool =
  (pool: Kernel, code: typeof requantized, held: (value: number) => number = (value) => value): Kernel =>
  (call) => {
    const x = input(call, 0)
    const values = nd('float64', x.dims, real(x, input(call, 1), optionalInput(call, 2)).map(held))
    const [result] = pool({ ...call, inputs: [values] }) as [Nd]
    return [code(numbersOf(result), result.dims, numbersOf(input(call, 3))[0]!, optionalInput(call, 4), x.dtype)]
  }

/** A kernel of channels on axis 1, which also does what `channels_last` says. */
const eitherLayout =
  (kernel: Kernel): Kernel =>
  (call) => {
    if (intOf(call, 'channels_last', 0) !== 1) return kernel(call)
    const x = input(call, 0)
    const axes = x.dims.map((_, axis) => axis)
    const first = transposed(x, [0, axes.length - 1, ...axes.slice(1, -1)])
    const outputs = kernel({ ...call, inputs: [first, ...call.inputs.slice(1)] }) as readonly Nd[]
    return outputs.map((output) => transposed(output, [0, ...axes.slice(2), 1]))
  }

function qConcat(call: Call): Nd[] {
  const [scale, zero] = [numbersOf(input(call, 0))[0]!, input(call, 1)]
  const parts: Nd[] = []
  for (let i = 2; i + 2 < call.inputs.length; i += 3) {
    const x = input(call, i)
    parts.push(requantized(real(x, input(call, i + 1), input(call, i + 2)), x.dims, scale, zero, zero.dtype))
  }
  if (parts.length === 0) throw new EvaluationError('nothing to join')
  return [concatenated(parts, axisOf(intOf(call, 'axis', 0), parts[0]!.dims.length))]
}

function qSoftmax(call: Call): Nd[] {
  const x = input(call, 0)
  // Before opset 13 the axes from `axis` on are one.
  const axis = axisOf(intOf(call, 'axis', -1), x.dims.length)
  const flat = intOf(call, 'opset', 13) < 13
  const size = flat ? elementCount(x.dims.slice(axis)) : x.dims[axis]!
  const inner = flat ? 1 : elementCount(x.dims.slice(axis + 1))
  const values = real(x, input(call, 1), optionalInput(call, 2))
  const out = new Float64Array(values.length)
  for (let line = 0; line < values.length / size; line++) {
    const start = Math.floor(line / inner) * size * inner + (line % inner)
    let top = Number.NEGATIVE_INFINITY
    for (let i = 0; i < size; i++) top = Math.max(top, values[start + i * inner]!)
    let sum = 0
    for (let i = 0; i < size; i++) sum += out[start + i * inner] = Math.exp(values[start + i * inner]! - top)
    for (let i = 0; i < size; i++) out[start + i * inner]! /= sum
  }
  return [requantized(out, x.dims, numbersOf(input(call, 3))[0]!, optionalInput(call, 4), x.dtype)]
}

const leaky = (call: Call) => {
  const alpha = floatOf(call, 'alpha', Math.fround(0.01))
  return (x: number) => (x < 0 ? alpha * x : x)
}

export const quantization: Kernels = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: (call) => dynamicCodes(input(call, 0), call.float64),
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  'com.microsoft.QuantizeLinear': quantizeLinear,
  'com.microsoft.DequantizeLinear': dequantizeLinear,
  'com.microsoft.QLinearConv': eitherLayout(qLinearConv),
  'com.microsoft.QGemm': qGemm,
  'com.microsoft.QLinearAdd': qAdd,
  'com.microsoft.QLinearMul': qMul,
  'com.microsoft.QLinearSigmoid': qUnary(() => sigmoid),
  'com.microsoft.QLinearLeakyRelu': qUnary(leaky),
  'com.microsoft.QLinearAveragePool': eitherLayout(qPool(pooling.AveragePool!, requantizedWhole, Math.fround)),
  'com.microsoft.QLinearGlobalAveragePool': eitherLayout(qPool(pooling.GlobalAveragePool!, requantized)),
  'com.microsoft.QLinearConcat': qConcat,
  'com.microsoft.QLinearSoftmax': qSoftmax,
}
