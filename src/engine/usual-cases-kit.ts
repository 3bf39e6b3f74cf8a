import { type Case, pick, x4 } from './operator-case-kit.ts'

/** Operators as real models have them. */
export const USUAL_CASES: readonly Case[] = [
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
    call: 'MatMulNBits<K: int = 32, N: int = 3, bits: int = 4, block_size: int = 16>(x, b, s, , , c)',
    inputs: {
      x: ['float32', [2, 32]],
      b: ['uint8', [3, 2, 8], [0, 255]],
      s: ['float32', [3, 2], [0.1, 0.3]],
      c: ['float32', [3]],
    },
  },
  ...[4, 8].flatMap((bits) =>
    ['', ', z'].map((zeros) => ({
      microsoft: true as const,
      call: `GatherBlockQuantized<gather_axis = 0, quantize_axis = 1, block_size = 16, bits = ${bits}>(t, i, s${zeros})`,
      inputs: {
        t: ['uint8', [5, (32 * bits) / 8], [0, 255]],
        i: ['int64', [2, 3], [4, 0, 1, 2, -1, 3]],
        s: ['float32', [5, 2], [0.1, 0.3]],
        ...(zeros ? { z: ['uint8', [5, (2 * bits) / 8], [0, 255]] } : {}),
      } as Case['inputs'],
    })),
  ),
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
