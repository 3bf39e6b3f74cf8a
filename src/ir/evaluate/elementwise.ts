import { roundHalfEven } from '../numbers.ts'
import { type Call, floatOf, input, intOf, type Kernel, type Kernels, made, optionalInput, textOf } from './call.ts'
import { broadcastDims, broadcastStrides, offsetsOf, sameDims } from './layout.ts'
import { erf, gelu, geluTanh, sigmoid, softplus } from './special-functions.ts'
import { alike, isWide, type Nd, nd, numbersOf } from './value.ts'

type Fn = (x: number) => number

function mapped(call: Call, x: Nd, fn: Fn): Nd {
  const source = numbersOf(x)
  const out = new Float64Array(source.length)
  for (let i = 0; i < out.length; i++) out[i] = fn(source[i]!)
  return made(call, x.dtype, x.dims, out)
}

/** `big` computes 64-bit integers exactly; without it they pass through float64. */
function mapWide(x: Nd, big: (x: bigint) => bigint): Nd {
  const data = x.data as BigInt64Array
  const out = x.dtype === 'uint64' ? new BigUint64Array(data.length) : new BigInt64Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = big(data[i]!)
  return nd(x.dtype, x.dims, out)
}

const unary =
  (fn: Fn, big?: (x: bigint) => bigint): Kernel =>
  (call) => {
    const x = input(call, 0)
    return [big && isWide(x.dtype) ? mapWide(x, big) : mapped(call, x, fn)]
  }

/** A function whose parameters are attributes. */
const shaped =
  (fn: (call: Call) => Fn): Kernel =>
  (call) => [mapped(call, input(call, 0), fn(call))]

const test =
  (fn: (call: Call) => (x: number) => boolean): Kernel =>
  (call) => {
    const x = input(call, 0)
    const check = fn(call)
    return [
      nd(
        'bool',
        x.dims,
        numbersOf(x).map((value) => (check(value) ? 1 : 0)),
      ),
    ]
  }

/** Activations with their parameters; the recurrent and fused operators name them too. */
export const activations: Readonly<Record<string, (alpha?: number, beta?: number) => Fn>> = {
  Relu: () => (x) => Math.max(0, x),
  Tanh: () => Math.tanh,
  Sigmoid: () => sigmoid,
  Affine:
    (a = 1, b = 0) =>
    (x) =>
      a * x + b,
  LeakyRelu:
    (a = 0.01) =>
    (x) =>
      x < 0 ? a * x : x,
  ThresholdedRelu:
    (a = 1) =>
    (x) =>
      x > a ? x : 0,
  ScaledTanh:
    (a = 1, b = 1) =>
    (x) =>
      a * Math.tanh(b * x),
  HardSigmoid:
    (a = 0.2, b = 0.5) =>
    (x) =>
      Math.max(0, Math.min(1, a * x + b)),
  Elu:
    (a = 1) =>
    (x) =>
      x < 0 ? a * Math.expm1(x) : x,
  Softsign: () => (x) => x / (1 + Math.abs(x)),
  Softplus: () => softplus,
  Clip:
    (low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY) =>
    (x) =>
      Math.min(high, Math.max(low, x)),
}

const activation = (name: string, alpha?: number, beta?: number): Kernel =>
  shaped((call) =>
    activations[name]!(
      alpha === undefined ? undefined : floatOf(call, 'alpha', alpha),
      beta === undefined ? undefined : floatOf(call, 'beta', beta),
    ),
  )

const float = Math.fround

export const elementwise: Kernels = {
  Abs: unary(Math.abs, (x) => (x < 0n ? -x : x)),
  Neg: unary(
    (x) => -x,
    (x) => -x,
  ),
  Sign: unary(Math.sign, (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n)),
  Ceil: unary(Math.ceil),
  Floor: unary(Math.floor),
  Round: unary(roundHalfEven),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Erf: unary(erf),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Tan: unary(Math.tan),
  Asin: unary(Math.asin),
  Acos: unary(Math.acos),
  Atan: unary(Math.atan),
  Sinh: unary(Math.sinh),
  Cosh: unary(Math.cosh),
  Asinh: unary(Math.asinh),
  Acosh: unary(Math.acosh),
  Atanh: unary(Math.atanh),
  Relu: unary(activations.Relu!(), (x) => (x < 0n ? 0n : x)),
  Tanh: activation('Tanh'),
  Sigmoid: activation('Sigmoid'),
  LeakyRelu: activation('LeakyRelu', 0.01),
  ThresholdedRelu: activation('ThresholdedRelu', 1),
  HardSigmoid: activation('HardSigmoid', float(0.2), 0.5),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Elu: activation('Elu', 1),
  Softsign: activation('Softsign'),
  Softplus: activation('Softplus'),
  Mish: unary((x) => x * Math.tanh(softplus(x))),
  Swish: shaped((call) => {
    const alpha = floatOf(call, 'alpha', 1)
    return (x) => x * sigmoid(alpha * x)
  }),
  Gelu: shaped((call) => (textOf(call, 'approximate', 'none') === 'tanh' ? geluTanh : gelu)),
  Celu: shaped((call) => {
    const alpha = floatOf(call, 'alpha', 1)
    return (x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha))
  }),
  Selu: shaped((call) => {
    const alpha = floatOf(call, 'alpha', float(1.6732632423543772))
    const gamma = floatOf(call, 'gamma', float(1.0507009873554805))
    return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x))
  }),
  Shrink: shaped((call) => {
    const lambda = floatOf(call, 'lambd', 0.5)
    const bias = floatOf(call, 'bias', 0)
    return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0)
  }),
  Not: unary((x) => (x ? 0 : 1)),
  BitwiseNot: (call) => {
    const x = input(call, 0)
    return [isWide(x.dtype) ? mapWide(x, (v) => ~v) : mapped(call, x, (v) => ~v)]
  },
  IsNaN: test(() => Number.isNaN),
  IsInf: test((call) => {
    const negative = intOf(call, 'detect_negative', 1)
    const positive = intOf(call, 'detect_positive', 1)
    return (x) => (x === Number.POSITIVE_INFINITY && !!positive) || (x === Number.NEGATIVE_INFINITY && !!negative)
  }),
  /** Bounds are attributes before opset 11. */
  Clip: (call) => {
    const x = input(call, 0)
    const [low, high] = [optionalInput(call, 1), optionalInput(call, 2)]
    alike(x, low, high)
    if (isWide(x.dtype)) {
      const bound = (value: Nd | undefined) => (value ? (value.data as BigInt64Array)[0]! : undefined)
      const [min, max] = [bound(low), bound(high)]
      return [
        mapWide(x, (v) => {
          const raised = min !== undefined && v < min ? min : v
          return max !== undefined && raised > max ? max : raised
        }),
      ]
    }
    const min = low ? numbersOf(low)[0]! : floatOf(call, 'min', Number.NEGATIVE_INFINITY)
    const max = high ? numbersOf(high)[0]! : floatOf(call, 'max', Number.POSITIVE_INFINITY)
    return [mapped(call, x, (v) => (Number.isNaN(v) ? v : Math.min(max, Math.max(min, v))))]
  },
  PRelu: (call) => {
    const [x, slope] = [input(call, 0), input(call, 1)]
    const own = numbersOf(x)
    const slopes = numbersOf(slope)
    // The slope broadcasts to x; opset 7 to 9's per-channel vector came as [C] for [N, C].
    const offsets = sameDims(x.dims, slope.dims)
      ? undefined
      : offsetsOf(x.dims, broadcastStrides(alongChannels(slope.dims, x.dims), x.dims))
    return [
      made(
        call,
        x.dtype,
        x.dims,
        own.map((v, i) => (v < 0 ? v * slopes[offsets ? offsets[i]! : i]! : v)),
      ),
    ]
  },
  Identity: (call) => {
    const value = call.inputs[0]
    return value ? [value] : null
  },
  Dropout: (call) => {
    const x = input(call, 0)
    const training = optionalInput(call, 2)
    const ratio = optionalInput(call, 1)
    const random = training && numbersOf(training)[0] && (ratio ? numbersOf(ratio)[0] !== 0 : true)
    if (random || (call.opset < 7 && intOf(call, 'is_test', 0) === 0)) return null
    // Before opset 10 the mask had the type of the data; every implementation gives bool since.
    return [x, nd('bool', x.dims, new Float64Array(x.data.length).fill(1))]
  },
  'com.microsoft.QuickGelu': shaped((call) => {
    const alpha = floatOf(call, 'alpha', float(1.702))
    return (x) => x * sigmoid(alpha * x)
  }),
  'com.microsoft.Gelu': shaped(() => gelu),
  'com.microsoft.FastGelu': (call) => [biased(call, geluTanh)],
  'com.microsoft.BiasGelu': (call) => [biased(call, gelu)],
}

function biased(call: Call, fn: Fn): Nd {
  const [x, bias] = [input(call, 0), optionalInput(call, 1)]
  if (!bias) return mapped(call, x, fn)
  const dims = broadcastDims(x.dims, bias.dims)
  const offsets = offsetsOf(dims, broadcastStrides(bias.dims, dims))
  const added = numbersOf(bias)
  return made(
    call,
    x.dtype,
    dims,
    numbersOf(x).map((v, i) => fn(v + added[offsets[i]!]!)),
  )
}

function alongChannels(slope: readonly number[], dims: readonly number[]): readonly number[] {
  const fits = slope.length === 1 && slope[0] !== 1 && slope[0] !== dims.at(-1) && slope[0] === dims[1]
  return fits ? [slope[0]!, ...dims.slice(2).map(() => 1)] : slope
}
