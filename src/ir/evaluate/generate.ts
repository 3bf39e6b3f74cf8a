import { constantValue } from '../attribute.ts'
import type { DType } from '../dtype.ts'
import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, type Kernel, type Kernels, load, made, tensorOf } from './call.ts'
import { dtypeAttribute } from './cast.ts'
import { stridesOf, take } from './layout.ts'
import { carried, EvaluationError, fromFloat64, isWide, listOf, type Nd, nd, numbersOf, scalarOf } from './value.ts'

function constant(call: Call): Nd[] {
  const sparse = call.node.attributes.get('sparse_value')
  if (sparse?.type === 'sparseTensor') {
    const { values, indices, dims } = sparse.value
    const [list, at] = [load(call, values), numbersOf(load(call, indices))]
    const strides = stridesOf(dims)
    const flat = indices.dims.length === 1
    const from = new Int32Array(elementCount(dims)).fill(-1)
    for (let i = 0; i < list.data.length; i++) {
      const place = flat ? at[i]! : dims.reduce((sum, _, axis) => sum + at[i * dims.length + axis]! * strides[axis]!, 0)
      from[place] = i
    }
    return [take(list, dims, from)]
  }
  const value = constantValue(call.node)
  if (!value) throw new EvaluationError('a Constant without a value')
  return [load(call, value)]
}

function range(call: Call): Nd[] {
  const [start, limit, delta] = [input(call, 0), scalarOf(input(call, 1)), scalarOf(input(call, 2))]
  const from = scalarOf(start)
  const count = Math.max(0, Math.ceil((limit - from) / delta))
  return [
    made(
      call,
      start.dtype,
      [count],
      Float64Array.from({ length: count }, (_, i) => from + i * delta),
    ),
  ]
}

function eyeLike(call: Call): Nd[] {
  const x = input(call, 0)
  const [rows, columns] = x.dims as [number, number]
  const k = intOf(call, 'k', 0)
  const out = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) if (row + k >= 0 && row + k < columns) out[row * columns + row + k] = 1
  return [made(call, dtypeAttribute(call, 'dtype', x.dtype), x.dims, out)]
}

/** Sums of cosines over one period; a symmetric window ends where it began. */
const window =
  (...terms: readonly number[]): Kernel =>
  (call) => {
    const size = scalarOf(input(call, 0))
    const period = intOf(call, 'periodic', 1) ? size : size - 1
    const out = Float64Array.from({ length: size }, (_, i) =>
      terms.reduce((sum, term, k) => sum + (k % 2 ? -1 : 1) * term * Math.cos((2 * Math.PI * k * i) / period), 0),
    )
    return [made(call, dtypeAttribute(call, 'output_datatype', 'float32'), [size], out)]
  }

/** Triangular filters on the mel scale [bins, mels]. Source: the formula of ONNX MelWeightMatrix. */
function melWeightMatrix(call: Call): Nd[] {
  const [mels, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => scalarOf(input(call, i))) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const bins = Math.floor(length / 2) + 1
  const toMel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700)
  const [from, to] = [toMel(low), toMel(high)]
  const edges = Array.from({ length: mels + 2 }, (_, i) => {
    const mel = from + (i * (to - from)) / (mels + 2)
    const hertz = 700 * (10 ** (mel / 2595) - 1)
    return Math.floor(((length + 1) * hertz) / rate)
  })
  const out = new Float64Array(bins * mels)
  for (let m = 0; m < mels; m++) {
    const [lower, centre, upper] = [edges[m]!, edges[m + 1]!, edges[m + 2]!]
    if (centre === lower) out[centre * mels + m] = 1
    else for (let b = lower; b <= centre; b++) out[b * mels + m] = (b - lower) / (centre - lower)
    if (upper > centre) for (let b = centre; b < upper; b++) out[b * mels + m] = (upper - b) / (upper - centre)
  }
  return [made(call, dtypeAttribute(call, 'output_datatype', 'float32'), [bins, mels], out)]
}

const zeros = (dtype: DType, dims: readonly number[], value: Nd | undefined): Nd => {
  const count = elementCount(dims)
  if (value) return take(value, dims, new Int32Array(count))
  return isWide(dtype) ? fromFloat64(dtype, dims, new Float64Array(count)) : nd(dtype, dims, new Float64Array(count))
}

/** Random operators: their results are not determined by their inputs. */
const random: Kernel = () => null

export const generators: Kernels = {
  Constant: constant,
  ConstantOfShape: (call) => {
    const value = tensorOf(call, 'value')
    return [zeros(value?.dtype ?? carried('float32', call.float64), listOf(input(call, 0)), value)]
  },
  Range: range,
  EyeLike: eyeLike,
  HannWindow: window(0.5, 0.5),
  HammingWindow: window(25 / 46, 21 / 46),
  BlackmanWindow: window(0.42, 0.5, 0.08),
  MelWeightMatrix: melWeightMatrix,
  RandomNormal: random,
  RandomNormalLike: random,
  RandomUniform: random,
  RandomUniformLike: random,
  Multinomial: random,
  Bernoulli: random,
}
