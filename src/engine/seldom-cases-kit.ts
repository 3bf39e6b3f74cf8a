import { type Case, pick, type Spec, x4 } from './operator-case-kit.ts'

/** Operators, and forms of them, that ONNX's suite has one test of or none, or that are told apart by one attribute. */
export const SELDOM_CASES: readonly Case[] = [
  // Forms of operators, and operators, of which the suite has one case or none.
  ...['SAME_UPPER', 'SAME_LOWER'].map((auto) => ({
    call: `ConvTranspose<auto_pad = "${auto}", strides = [2, 3]>(x, w)`,
    inputs: { x: x4, w: ['float32', [4, 3, 3, 4]] as Spec },
  })),
  {
    call: 'ConvTranspose<output_shape = [14, 15], strides = [2, 3]>(x, w)',
    inputs: { x: x4, w: ['float32', [4, 3, 3, 4]] },
  },
  {
    microsoft: true,
    call: 'FusedConv<group: int = 2, activation = "Clip", activation_params = [-0.5, 1.5]>(x, w, b)',
    inputs: { x: x4, w: ['float32', [6, 2, 3, 3]], b: ['float32', [6]] },
  },
  {
    call: 'ConvInteger<pads = [1, 0, 1, 1], strides = [2, 1]>(x, w, a, b)',
    inputs: {
      x: ['uint8', [2, 3, 5, 4], [0, 255]],
      w: ['uint8', [4, 3, 3, 2], [0, 255]],
      a: ['uint8', [], [131]],
      b: ['uint8', [], [120]],
    },
    result: 'int32',
  },
  ...['nearest', 'linear', 'cubic'].flatMap((mode) =>
    ['zeros', 'border', 'reflection'].flatMap((padding) =>
      [0, 1].map((align) => ({
        call: `GridSample<mode = "${mode}", padding_mode = "${padding}", align_corners = ${align}>(x, g)`,
        inputs: { x: x4, g: ['float32', [2, 4, 5, 2], [-3.7, 3.7]] as Spec },
        // The runtime computes the places in float32, a dozen pixels from the first.
        near: 1e-5,
      })),
    ),
  ),
  // Places half way between two pixels, inside and beyond the borders.
  ...['zeros', 'border', 'reflection'].map((padding) => ({
    call: `GridSample<mode = "nearest", padding_mode = "${padding}">(x, g)`,
    inputs: {
      x: ['float32', [1, 1, 4, 4]] as Spec,
      g: ['float32', [1, 1, 7, 2], [-1.5, -2, 1.5, 2, -0.5, -1, 1].flatMap((at) => [at, -0.25])] as Spec,
    },
  })),
  {
    call: 'GridSample<padding_mode = "border">(x, g)',
    inputs: { x: ['float32', [1, 2, 3, 4, 5]], g: ['float32', [1, 2, 3, 2, 3], [-1.5, 1.5]] },
  },
  ...[0, 1].flatMap((align) => [
    {
      call: `AffineGrid<align_corners = ${align}>(t, n)`,
      inputs: { t: ['float32', [2, 2, 3]] as Spec, n: ['int64', [4], [2, 3, 4, 5]] as Spec },
    },
    {
      call: `AffineGrid<align_corners = ${align}>(t, n)`,
      inputs: { t: ['float32', [1, 3, 4]] as Spec, n: ['int64', [5], [1, 2, 3, 4, 2]] as Spec },
    },
  ]),
  // Behind a cache, with a mask; with a cap, which the runtime and ONNX's suite put on different sides of the mask.
  ...[
    ['qk_matmul_output_mode = 0', 'm'],
    ['qk_matmul_output_mode = 3', 'm'],
    ['qk_matmul_output_mode = 0, softcap = 1.5', ''],
    ['qk_matmul_output_mode = 2, softcap = 1.5', ''],
  ].map(([attributes, mask]) => ({
    opset: 23,
    call: `Attention<${attributes}>(q, k, v, ${mask}, p, r)`,
    inputs: {
      q: ['float32', [2, 4, 3, 8]],
      k: ['float32', [2, 2, 3, 8]],
      v: ['float32', [2, 2, 3, 6]],
      ...(mask ? { m: ['float32', [3, 5]] } : {}),
      p: ['float32', [2, 2, 2, 8]],
      r: ['float32', [2, 2, 2, 6]],
    } as Case['inputs'],
    results: ['float32', 'float32', 'float32', 'float32'] as const,
  })),
  {
    opset: 23,
    call: 'RotaryEmbedding<rotary_embedding_dim = 4, num_heads = 2>(x, c, s, p)',
    inputs: {
      x: ['float32', [2, 3, 16]],
      c: ['float32', [6, 2]],
      s: ['float32', [6, 2]],
      p: ['int64', [2, 3], [0, 1, 2, 4, 3, 1]],
    },
  },
  {
    microsoft: true,
    call: 'RotaryEmbedding<interleaved = 1>(x, p, c, s)',
    inputs: {
      x: ['float32', [2, 2, 3, 8]],
      p: ['int64', [1], [2]],
      c: ['float32', [6, 4]],
      s: ['float32', [6, 4]],
    },
  },
  { call: 'LRN<size = 5, alpha = 0.5, beta = 0.6, bias = 2.0>(x)', inputs: { x: ['float32', [2, 7, 3, 2]] } },
  {
    call: 'LayerNormalization<axis = 1, epsilon = 0.01>(x, s)',
    inputs: { x: ['float32', [2, 3, 4]], s: ['float32', [3, 4]] },
    results: ['float32', 'float32', 'float32'],
  },
  {
    opset: 21,
    call: 'GroupNormalization<num_groups = 2, epsilon = 0.01>(x, s, b)',
    inputs: { x: x4, s: ['float32', [4]], b: ['float32', [4]] },
  },
  { call: 'MeanVarianceNormalization(x)', inputs: { x: x4 } },
  { call: 'LpNormalization<p = 1, axis = 1>(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  { call: 'LpNormalization(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  {
    call: 'MatMulInteger(a, b, az, bz)',
    inputs: {
      a: ['uint8', [2, 3, 4], [0, 255]],
      b: ['int8', [4, 5], [-128, 127]],
      az: ['uint8', [], [117]],
      bz: ['int8', [5], [-9, 3, 0, 7, 100]],
    },
    result: 'int32',
  },
  { call: 'MatMul(a, b)', inputs: { a: ['float32', [4]], b: ['float32', [2, 4, 5]] } },
  { call: 'MatMul(a, b)', inputs: { a: ['float32', [2, 3, 4]], b: ['float32', [4]] } },
  { call: 'MatMul(a, b)', inputs: { a: ['float32', [2, 1, 3, 7]], b: ['float32', [3, 7, 5]] } },
  {
    call: 'Gemm<transA = 1, transB = 1, alpha = 0.5, beta = 2.0>(a, b, c)',
    inputs: { a: ['float32', [4, 3]], b: ['float32', [5, 4]], c: ['float32', [3, 1]] },
  },
  { opset: 22, call: 'Det(x)', inputs: { x: ['float32', [3, 4, 4]] } },
  { call: 'Det(x)', inputs: { x: ['float32', [3, 3], [0, 2, 1, 1, 1, 0, 3, 0, 1]] } },
  {
    call: 'Einsum<equation = "...ij,...jk->...ik">(a, b)',
    inputs: { a: ['float32', [2, 3, 4]], b: ['float32', [2, 4, 5]] },
  },
  { call: 'Einsum<equation = "i,j->ji">(a, b)', inputs: { a: ['float32', [3]], b: ['float32', [4]] } },
  { call: 'Einsum<equation = "bij, jc">(a, b)', inputs: { a: ['float32', [2, 3, 4]], b: ['float32', [4, 5]] } },
  { call: 'Mod<fmod = 1>(a, b)', inputs: { a: ['float32', [12], [-9, 9]], b: ['float32', [12], [-4, 4]] } },
  { call: 'Mod(a, b)', inputs: { a: ['int32', [12], [-9, 9]], b: ['int32', [1], [-4]] }, result: 'int32' },
  {
    call: 'Pow(a, b)',
    inputs: { a: ['int64', [6], [2, -2, 3, 1, -1, -1]], b: ['int64', [6], [3, 3, -2, -5, -1, -2]] },
    result: 'int64',
  },
  {
    call: 'BitShift<direction = "LEFT">(a, b)',
    inputs: { a: ['uint8', [6], [0, 255]], b: ['uint8', [6], [0, 7]] },
    result: 'uint8',
  },
  {
    call: 'BitShift<direction = "RIGHT">(a, b)',
    inputs: { a: ['uint8', [6], [0, 255]], b: ['uint8', [6], [0, 7]] },
    result: 'uint8',
  },
  {
    call: 'RNN<hidden_size = 4, direction = "bidirectional", activations = ["Relu", "Tanh"], clip = 1.5>(x, w, r, b, l, h)',
    results: ['float32', 'float32'],
    inputs: {
      x: ['float32', [5, 2, 3]],
      w: ['float32', [2, 4, 3]],
      r: ['float32', [2, 4, 4]],
      b: ['float32', [2, 8]],
      l: ['int32', [2], [5, 3]],
      h: ['float32', [2, 2, 4]],
    },
  },
  {
    call: 'GRU<hidden_size = 4, activations = ["HardSigmoid", "ScaledTanh"], activation_alpha = [0.3, 1.2], activation_beta = [0.4, 0.7]>(x, w, r, b, l, h)',
    results: ['float32', 'float32'],
    inputs: {
      x: ['float32', [5, 2, 3]],
      w: ['float32', [1, 12, 3]],
      r: ['float32', [1, 12, 4]],
      b: ['float32', [1, 24]],
      l: ['int32', [2], [2, 5]],
      h: ['float32', [1, 2, 4]],
    },
  },
  {
    call: 'LSTM<hidden_size = 4, direction = "reverse", input_forget = 1>(x, w, r, b, l, h, c, p)',
    results: ['float32', 'float32', 'float32'],
    inputs: {
      x: ['float32', [5, 2, 3]],
      w: ['float32', [1, 16, 3]],
      r: ['float32', [1, 16, 4]],
      b: ['float32', [1, 32]],
      l: ['int32', [2], [4, 5]],
      h: ['float32', [1, 2, 4]],
      c: ['float32', [1, 2, 4]],
      p: ['float32', [1, 12]],
    },
  },
  {
    call: 'MaxPool<kernel_shape = [2, 3], strides = [2, 1], dilations = [2, 1], storage_order = 1>(x)',
    inputs: { x: x4 },
    results: ['float32', 'int64'],
  },
  { call: 'LpPool<kernel_shape = [2, 3], strides = [1, 2], p = 3, pads = [1, 0, 0, 1]>(x)', inputs: { x: x4 } },
  { call: 'GlobalLpPool<p = 3>(x)', inputs: { x: x4 } },
  ...['avg', 'max'].flatMap((mode) =>
    ['half_pixel', 'output_half_pixel'].map((how) => ({
      call: `RoiAlign<mode = "${mode}", coordinate_transformation_mode = "${how}", output_height = 2, output_width = 3, sampling_ratio = 2, spatial_scale = 0.5>(x, r, n)`,
      inputs: {
        x: x4,
        r: ['float32', [3, 4], [1, 2, 9, 11, 0, 0, 4, 5, 3, 1, 8, 13]] as Spec,
        n: ['int64', [3], [1, 0, 1]] as Spec,
      },
    })),
  ),
  {
    call: 'MaxRoiPool<pooled_shape = [2, 3], spatial_scale = 0.5>(x, r)',
    inputs: { x: x4, r: ['float32', [3, 5], [0, 1, 2, 9, 11, 1, 0, 0, 4, 5, 1, 3, 1, 8, 13]] },
  },
  ...[0, 1].map((centre) => ({
    call: `NonMaxSuppression<center_point_box = ${centre}>(b, s, m, o, t)`,
    inputs: {
      b: ['float32', [2, 9, 4], [0, 1]] as Spec,
      s: ['float32', [2, 2, 9], [0, 1]] as Spec,
      m: ['int64', [], [3]] as Spec,
      o: ['float32', [], [0.2]] as Spec,
      t: ['float32', [], [0.25]] as Spec,
    },
    result: 'int64' as const,
  })),
  // Reductions, indices, windows and signals in forms that are seldom seen.
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceSumSquare'].map((operator) => ({
    call: `${operator}<keepdims = 0>(x, a)`,
    inputs: { x: ['float32', [2, 3, 4, 2]] as Spec, a: ['int64', [2], [-2, 0]] as Spec },
  })),
  { call: 'ReduceSum(x)', inputs: { x: ['float32', [2, 3, 4]] } },
  ...['ArgMax', 'ArgMin'].flatMap((operator) =>
    [0, 1].map((last) => ({
      call: `${operator}<axis = 1, keepdims = 0, select_last_index = ${last}>(x)`,
      inputs: { x: ['float32', [2, 5], [1, 3, 3, 1, 2, 4, 0, 0, 4, 1]] as Spec },
      result: 'int64' as const,
    })),
  ),
  {
    call: 'TopK<axis = 0, largest = 0>(x, k)',
    inputs: { x: ['float32', [5, 2]], k: ['int64', [1], [3]] },
    results: ['float32', 'int64'],
  },
  {
    call: 'GatherND<batch_dims = 1>(x, i)',
    inputs: { x: ['float32', [2, 3, 4]], i: ['int64', [2, 2, 1], [2, 0, -1, 1]] },
  },
  { call: 'GatherElements<axis = 1>(x, i)', inputs: { x: ['float32', [2, 3]], i: ['int64', [2, 2], [2, -3, 1, 1]] } },
  ...['add', 'mul', 'max', 'min'].flatMap((how) => [
    {
      call: `ScatterElements<axis = 1, reduction = "${how}">(x, i, u)`,
      inputs: {
        x: ['float32', [2, 3]] as Spec,
        i: ['int64', [2, 3], [2, -3, 2, 1, 1, 0]] as Spec,
        u: ['float32', [2, 3]] as Spec,
      },
    },
    {
      call: `ScatterND<reduction = "${how}">(x, i, u)`,
      inputs: {
        x: ['float32', [3, 4]] as Spec,
        i: ['int64', [3, 1], [2, 0, 2]] as Spec,
        u: ['float32', [3, 4]] as Spec,
      },
    },
  ]),
  {
    call: 'OneHot<axis = 0>(i, d, v)',
    inputs: { i: ['int64', [4], [0, -1, 2, 5]], d: ['int64', [1], [3]], v: ['float32', [2], [-1.5, 2.5]] },
  },
  {
    call: 'ReverseSequence<batch_axis = 0, time_axis = 1>(x, l)',
    inputs: { x: ['float32', [3, 4]], l: ['int64', [3], [4, 1, 2]] },
  },
  ...['CRD', 'DCR'].map((mode) => ({
    call: `DepthToSpace<blocksize = 2, mode = "${mode}">(x)`,
    inputs: { x: ['float32', [2, 8, 2, 3]] as Spec },
  })),
  { call: 'SpaceToDepth<blocksize = 2>(x)', inputs: { x: ['float32', [2, 3, 4, 6]] } },
  ...[0, 1].flatMap((upper) =>
    [-1, 1].map((k) => ({
      call: `Trilu<upper = ${upper}>(x, k)`,
      inputs: { x: ['float32', [2, 3, 4]] as Spec, k: ['int64', [], [k]] as Spec },
    })),
  ),
  ...['reflect', 'edge', 'wrap', 'constant'].map((mode) => ({
    call: `Pad<mode = "${mode}">(x, p)`,
    inputs: { x: ['float32', [3, 4]] as Spec, p: ['int64', [4], [2, 1, 0, 3]] as Spec },
  })),
  ...[0, 1].flatMap((periodic) =>
    ['HannWindow', 'HammingWindow', 'BlackmanWindow'].map((operator) => ({
      call: `${operator}<periodic = ${periodic}>(n)`,
      inputs: { n: ['int64', [], [9]] as Spec },
    })),
  ),
  { call: 'DFT<onesided = 1>(x, , a)', inputs: { x: ['float32', [2, 6, 3, 1]], a: ['int64', [], [1]] } },
  {
    call: 'DFT<inverse = 1>(x, n, a)',
    inputs: { x: ['float32', [2, 6, 2]], n: ['int64', [], [4]], a: ['int64', [], [1]] },
  },
  { call: 'DFT(x, n, a)', inputs: { x: ['float32', [2, 5, 2]], n: ['int64', [], [8]], a: ['int64', [], [-2]] } },
  {
    call: 'STFT<onesided = 1>(x, s, w)',
    inputs: { x: ['float32', [2, 16, 1]], s: ['int64', [], [3]], w: ['float32', [6], [0, 1]] },
  },
  {
    call: 'AveragePool<kernel_shape = [2, 3], strides = [1, 2], auto_pad = "SAME_LOWER">(x)',
    inputs: { x: x4 },
  },
  { call: 'MaxPool<kernel_shape = [2, 3], strides = [2, 2], auto_pad = "SAME_UPPER">(x)', inputs: { x: x4 } },
  {
    call: 'Conv<auto_pad = "SAME_LOWER", strides = [2, 3], dilations = [1, 1]>(x, w)',
    inputs: { x: x4, w: ['float32', [3, 4, 2, 4]] },
  },
  { call: 'Conv(x, w, b)', inputs: { x: ['float32', [2, 3, 9]], w: ['float32', [4, 3, 2]], b: ['float32', [4]] } },
  { call: 'Erf(x)', inputs: { x: ['float32', [200], [-7, 7]] } },
  { call: 'Cast<to = 7>(x)', inputs: { x: ['float32', [40], [-99, 99]] }, result: 'int64' },
  { call: 'Cast<to = 3>(x)', inputs: { x: ['int32', [40], [-999, 999]] }, result: 'int8' },
  ...[-1, 1].flatMap((axis) =>
    [12, 13].map((opset) => ({
      microsoft: true as const,
      call: `QLinearSoftmax<axis = ${axis}, opset = ${opset}>(a, as, az, ys, yz)`,
      inputs: { ...pick('a', 'as', 'az'), ys: ['float32', [], [1 / 256]] as Spec, yz: ['uint8', [], [3]] as Spec },
      result: 'uint8' as const,
      units: 1,
    })),
  ),
  {
    opset: 19,
    call: 'DeformConv<group = 2, offset_group = 2, strides = [2, 1], pads = [1, 0, 1, 1], dilations = [1, 2]>(x, w, o, b, m)',
    inputs: {
      x: x4,
      w: ['float32', [6, 2, 3, 2]],
      o: ['float32', [2, 24, 4, 5], [-1.5, 1.5]],
      b: ['float32', [6]],
      m: ['float32', [2, 12, 4, 5], [0, 1]],
    },
  },
  {
    call: 'Col2Im<strides = [2, 1], pads = [1, 0, 1, 1], dilations = [1, 2]>(x, n, k)',
    inputs: { x: ['float32', [2, 12, 12]], n: ['int64', [2], [5, 5]], k: ['int64', [2], [3, 2]] },
  },
  {
    call: 'MaxUnpool<kernel_shape = [2, 3], strides = [2, 3]>(x, i)',
    inputs: { x: ['float32', [1, 2, 2, 2]], i: ['int64', [1, 2, 2, 2], [5, 3, 13, 23, 24, 33, 41, 47]] },
  },
  ...[
    'Elu<alpha = 0.5>',
    'Celu<alpha = 0.5>',
    'Selu',
    'Selu<alpha = 1.5, gamma = 2.0>',
    'ThresholdedRelu<alpha = 0.5>',
    'Shrink<lambd = 0.5, bias = 0.25>',
  ].map((operator) => ({
    call: `${operator}(x)`,
    inputs: { x: ['float32', [20], [-3, 3]] as Spec },
  })),
  ...['detect_negative', 'detect_positive'].map((which) => ({
    call: `IsInf<${which} = 0>(x)`,
    inputs: { x: ['float32', [4], [1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN]] as Spec },
    result: 'bool' as const,
  })),
  {
    call: 'BatchNormalization<epsilon = 0.1>(x, s, b, m, v)',
    inputs: {
      x: ['float32', [3, 4]],
      s: ['float32', [4]],
      b: ['float32', [4]],
      m: ['float32', [4]],
      v: ['float32', [4], [0.1, 2]],
    },
  },
  ...['exclusive', 'reverse'].map((how) => ({
    call: `CumSum<${how} = 1>(x, a)`,
    inputs: { x: ['float32', [3, 4]] as Spec, a: ['int64', [], [-2]] as Spec },
  })),
  {
    call: 'Split<axis = 1, num_outputs = 3>(x)',
    inputs: { x: ['float32', [2, 7]] },
    results: ['float32', 'float32', 'float32'],
  },
  { call: 'Compress<axis = 1>(x, c)', inputs: { x: ['float32', [2, 4]], c: ['bool', [3], [1, 0, 1]] } },
  { call: 'EyeLike<k = -1>(x)', inputs: { x: ['float32', [3, 5]] } },
  { call: 'Tile(x, n)', inputs: { x: ['float32', [2, 3]], n: ['int64', [2], [2, 3]] } },
  { call: 'Clip(x, l)', inputs: { x: ['float32', [6]], l: ['float32', [], [0.5]] } },
  { call: 'Clip(x, , h)', inputs: { x: ['float32', [6]], h: ['float32', [], [0.5]] } },
  { call: 'PRelu(x, s)', inputs: { x: x4, s: ['float32', [4, 1, 1]] } },
]
