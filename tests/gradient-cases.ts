import type { DifferentiableOperator } from '../src/passes/differentiate/index.ts'

/** Sizes of an input, and what its elements are drawn from; the gradient by it is checked. */
type Drawn = readonly [dims: readonly number[], low?: number, high?: number]

export interface GradientCase {
  /** Nodes that make `y` from the inputs. */
  readonly body: string
  readonly inputs: Readonly<Record<string, Drawn>>
  /** Inputs whose sizes stay numbers where the others' become symbols. */
  readonly fixed?: readonly string[]
  /** The same with sizes as symbols: the reason of the refusal where sizes must be known. */
  readonly open?: RegExp
  readonly opset?: number
  /** Where rounding is the identity on the way back, the smooth body whose differences are the oracle. */
  readonly smooth?: string
  /** Not compared with ONNX Runtime, and why. */
  readonly notNative?: string
}

const one = (body: string, dims: readonly number[] = [3, 4], low = -2, high = 2): GradientCase => ({
  body,
  inputs: { x: [dims, low, high] },
})
const two = (body: string, a: readonly number[], b: readonly number[], low = -2, high = 2): GradientCase => ({
  body,
  inputs: { a: [a, low, high], b: [b, low, high] },
})
const vector = (name: string, values: readonly number[]) =>
  `${name} = Constant<value = int64[${values.length}] {${values.join(', ')}}>()`
const scalar = (name: string, value: number) => `${name} = Constant<value = float {${value}}>()`
const reduce = (op: string, low = -2, high = 2): readonly GradientCase[] => [
  { body: `${vector('i', [1])} y = ${op}(x, i)`, inputs: { x: [[3, 4, 2], low, high] } },
  { body: `${vector('i', [0, -1])} y = ${op}<keepdims = 0>(x, i)`, inputs: { x: [[3, 4, 2], low, high] } },
  { body: `y = ${op}<keepdims = 0>(x)`, inputs: { x: [[3, 4], low, high] } },
]
const ROTARY = `${vector('p', [0])}
  c = Constant<value = float[4,2] {1, 1, 0.54, 0.99, -0.42, 0.98, -0.99, 0.95}>()
  s = Constant<value = float[4,2] {0, 0, 0.84, 0.1, 0.91, 0.2, 0.14, 0.3}>()`
const image: Drawn = [[2, 3, 6, 5]]
const conv = (attributes: string, x: readonly number[], w: readonly number[], m: number): GradientCase => ({
  body: `y = Conv${attributes === '' ? '' : `<${attributes}>`}(x, w, b)`,
  inputs: { x: [x], w: [w], b: [[m]] },
  fixed: ['w', 'b'],
})
const turned = (attributes: string, x: readonly number[], w: readonly number[], m: number): GradientCase => ({
  body: `y = ConvTranspose${attributes === '' ? '' : `<${attributes}>`}(x, w, b)`,
  inputs: { x: [x], w: [w], b: [[m]] },
  fixed: ['w', 'b'],
})
const scattered = (
  call: string,
  x: readonly number[],
  updates: readonly number[],
  indices: readonly number[],
  dims: readonly number[] = updates,
): GradientCase => ({
  body: `i = Constant<value = int64[${dims}] {${indices}}>() y = ${call}(x, i, u)`,
  inputs: { x: [x], u: [updates] },
})
/** All outputs of a recurrent layer of two units, four steps and two rows. */
function recurrent(
  opType: 'RNN' | 'GRU' | 'LSTM',
  gates: number,
  attributes: string,
  form: {
    b?: boolean
    start?: boolean
    peepholes?: boolean
    bidirectional?: boolean
    lengths?: readonly number[]
  } = {},
): GradientCase {
  const [hidden, width, directions] = [2, 3, form.bidirectional ? 2 : 1]
  const states = opType === 'LSTM' ? ['h', 'c'] : ['h']
  const call = [
    'x, w, r',
    form.b ? 'b' : '',
    form.lengths ? 'l' : '',
    ...states.map((name) => (form.start ? `${name}0` : '')),
    form.peepholes ? 'p' : '',
  ].join(', ')
  const all = [`hidden_size = ${hidden}`, form.bidirectional ? 'direction = "bidirectional"' : '', attributes]
  const start: Drawn = [[directions, 2, hidden]]
  return {
    body: `${form.lengths ? `l = Constant<value = int32[2] {${form.lengths}}>()` : ''}
      q, ${states} = ${opType}<${all.filter(Boolean).join(', ')}>(${call.replace(/[, ]+$/, '')})
      d = Sum(${states}) a = ReduceSum<keepdims = 0>(d) y = Mul(q, a)`,
    inputs: {
      x: [[4, 2, width]],
      w: [[directions, gates * hidden, width]],
      r: [[directions, gates * hidden, hidden]],
      ...(form.b && { b: [[directions, 2 * gates * hidden]] as Drawn }),
      ...(form.start && Object.fromEntries(states.map((name) => [`${name}0`, start]))),
      ...(form.peepholes && { p: [[directions, 3 * hidden]] as Drawn }),
    },
    fixed: ['w', 'r'],
  }
}
const pool = (call: string, dims: readonly number[] = [2, 3, 6, 5]): GradientCase => one(`y = ${call}`, dims)

/** At least one case for every operator that is claimed; a claim without one does not compile. */
export const GRADIENT_CASES: Readonly<Record<DifferentiableOperator, readonly GradientCase[]>> = {
  Abs: [one('y = Abs(x)')],
  Add: [
    two('y = Add(a, b)', [3, 4], [3, 4]),
    two('y = Add(a, b)', [2, 3, 4], [3, 1]),
    two('y = Add(a, b)', [1, 4], [3, 1]),
    two('y = Add(a, b)', [], [2, 2]),
    one('y = Add(x, x)'),
  ],
  Atan: [one('y = Atan(x)')],
  AveragePool: [
    pool('AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x)'),
    { ...pool('AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x)'), open: /sizes that are not known/ },
    pool('AveragePool<kernel_shape = [3, 2], pads = [1, 0, 1, 1], strides = [2, 1], count_include_pad = 1>(x)'),
    {
      ...pool('AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)'),
      open: /sizes that are not known/,
    },
    pool('AveragePool<kernel_shape = [3], strides = [2]>(x)', [2, 3, 7]),
    pool('AveragePool<kernel_shape = [2, 2, 2]>(x)', [1, 2, 3, 4, 3]),
  ],
  BatchNormalization: [
    {
      body: 'y = BatchNormalization<epsilon: float = 0.01>(x, s, b, m, v)',
      inputs: { x: image, s: [[3]], b: [[3]], m: [[3]], v: [[3], 0.5, 2] },
    },
    {
      body: 'y = BatchNormalization(x, s, b, m, v)',
      inputs: { x: [[5, 3]], s: [[3]], b: [[3]], m: [[3]], v: [[3], 0.5, 2] },
    },
    {
      body: `m = Constant<value = float[3] {0, 0, 0}>() v = Constant<value = float[3] {1, 1, 1}>()
        y, rm, rv = BatchNormalization<training_mode = 1>(x, s, b, m, v)`,
      inputs: { x: image, s: [[3]], b: [[3]] },
    },
  ],
  Cast: [one('d = Cast<to = 11>(x) e = Mul(d, d) y = Cast<to = 1>(e)')],
  CastLike: [one('d = Cast<to = 11>(x) e = Mul(d, d) y = CastLike(e, x)')],
  Ceil: [{ ...one('r = Ceil(x) y = Mul(r, x)'), smooth: 'r = Ceil(x) y = Mul(r, x)' }],
  Celu: [one('y = Celu<alpha: float = 0.7>(x)')],
  Clip: [
    { body: 'y = Clip(x, l, h)', inputs: { x: [[5, 4]], l: [[], -1, -0.9], h: [[], 0.9, 1] } },
    one(`${scalar('l', -1)} y = Clip(x, l)`),
    one(`${scalar('h', 0.5)} y = Clip(x, , h)`),
    one('y = Clip(x)'),
  ],
  Concat: [
    { body: 'y = Concat<axis = 1>(a, b, c)', inputs: { a: [[2, 3]], b: [[2, 1]], c: [[2, 2]] } },
    two('y = Concat<axis = -2>(a, b)', [2, 3], [1, 3]),
  ],
  Conv: [
    conv('pads = [1, 1, 1, 1]', [2, 3, 6, 5], [4, 3, 3, 3], 4),
    conv('strides = [2, 2], pads = [1, 1, 1, 1]', [2, 3, 6, 5], [2, 3, 3, 3], 2),
    conv('strides = [2, 3], pads = [1, 0, 2, 1], dilations = [1, 2]', [1, 2, 7, 9], [2, 2, 3, 2], 2),
    conv('strides = [2, 2]', [2, 3, 5, 6], [2, 3, 1, 1], 2),
    conv('', [2, 4, 4, 4], [2, 4, 1, 1], 2),
    conv('group = 4, pads = [1, 1, 1, 1]', [2, 4, 5, 5], [4, 1, 3, 3], 4),
    conv('group = 2, pads = [1, 1, 1, 1], strides = [2, 2]', [2, 4, 5, 5], [6, 2, 3, 3], 6),
    conv('group = 2', [2, 2, 5, 5], [4, 1, 3, 3], 4),
    conv('pads = [1, 0, 0, 2]', [1, 8, 4, 3], [2, 8, 3, 3], 2),
    conv('group = 4, pads = [2, 1, 1, 2], dilations = [2, 1]', [1, 8, 4, 4], [4, 2, 3, 3], 4),
    conv('group = 8', [1, 8, 3, 3], [8, 1, 2, 2], 8),
    conv('group = 3, strides = [2, 2], pads = [1, 1, 0, 2], dilations = [1, 2]', [2, 3, 6, 9], [3, 1, 3, 3], 3),
    conv('group = 3, strides = [2], pads = [1, 2]', [2, 3, 9], [3, 1, 3], 3),
    conv('', [2, 9, 2, 2], [2, 9, 1, 1], 2),
    conv('strides = [2], pads = [1, 2]', [2, 3, 9], [2, 3, 3], 2),
    conv('pads = [1, 0, 1, 1, 0, 1], strides = [1, 2, 1]', [1, 2, 3, 4, 3], [2, 2, 2, 2, 3], 2),
    { ...conv('auto_pad = "SAME_UPPER", strides = [2, 2]', [1, 2, 6, 5], [2, 2, 3, 3], 2), open: /auto_pad/ },
    { ...conv('auto_pad = "SAME_LOWER"', [1, 2, 4, 5], [2, 2, 2, 2], 2), open: /auto_pad/ },
    conv('auto_pad = "VALID"', [1, 2, 4, 5], [2, 2, 2, 2], 2),
    { body: 'y = Conv(x, w)', inputs: { x: [[1, 2, 4, 4]], w: [[2, 2, 3, 3]] }, fixed: ['w'] },
    { body: 'y = Conv(x, w)', inputs: { x: [[1, 2, 4, 4]], w: [[2, 2, 3, 3]] }, open: /size of its kernel/ },
  ],
  ConvInteger: [
    {
      body: `s = Constant<value = float {0.05}>() z = Constant<value = uint8 {128}>() q = QuantizeLinear(x, s, z)
        w = Constant<value = int8[2, 1, 2, 2] {3, -2, 1, 4, -5, 2, 0, 1}>()
        i = ConvInteger<pads = [1, 1, 0, 0]>(q, w, z) f = Cast<to = 1>(i) y = Mul(f, s)`,
      smooth: `w = Constant<value = float[2, 1, 2, 2] {3, -2, 1, 4, -5, 2, 0, 1}>() y = Conv<pads = [1, 1, 0, 0]>(x, w)`,
      inputs: { x: [[1, 1, 3, 4]] },
      notNative: 'the runtime wants weights as unsigned integers here',
    },
  ],
  ConvTranspose: [
    turned('', [2, 3, 3, 4], [3, 2, 3, 2], 2),
    turned('strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]', [1, 2, 3, 4], [2, 2, 3, 3], 2),
    turned('strides = [2, 3], dilations = [2, 1], group = 2', [1, 4, 3, 3], [4, 2, 2, 2], 4),
    turned('strides = [2], pads = [1, 0]', [2, 2, 4], [2, 3, 3], 3),
    turned('strides = [1, 2, 1]', [1, 2, 2, 2, 3], [2, 1, 2, 2, 2], 1),
    {
      ...turned('strides = [2, 2], auto_pad = "SAME_UPPER"', [1, 2, 3, 3], [2, 2, 3, 3], 2),
      open: /sizes that are not known/,
    },
    {
      ...turned('strides = [2, 2], output_shape = [6, 7]', [1, 2, 3, 3], [2, 2, 3, 3], 2),
      open: /sizes that are not known/,
    },
  ],
  Cos: [one('y = Cos(x)')],
  Cosh: [one('y = Cosh(x)')],
  CumSum: [
    one('i = Constant<value = int64 {1}>() y = CumSum(x, i)'),
    one('i = Constant<value = int64 {0}>() y = CumSum<exclusive = 1, reverse = 1>(x, i)'),
  ],
  DepthToSpace: [
    one('y = DepthToSpace<blocksize = 2>(x)', [1, 8, 2, 3]),
    one('y = DepthToSpace<blocksize = 2, mode = "CRD">(x)', [2, 8, 2, 3]),
  ],
  DequantizeLinear: [
    {
      body: `z = Constant<value = int8[3] {1, -2, 3}>() q = Constant<value = int8[2, 3, 2] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>()
        y = DequantizeLinear<axis = 1>(q, s, z)`,
      inputs: { s: [[3], 0.1, 1] },
    },
    {
      body: 'q = Constant<value = uint8[2, 2] {1, 2, 3, 4}>() y = DequantizeLinear(q, s)',
      inputs: { s: [[], 0.1, 1] },
    },
  ],
  Div: [two('y = Div(a, b)', [3, 4], [4], 0.5, 2), two('y = Div(a, b)', [1, 4], [3, 1], -3, -1)],
  Dropout: [
    one('y, m = Dropout(x)'),
    one('r = Constant<value = float {0.5}>() f = Constant<value = bool {0}>() y = Dropout(x, r, f)'),
  ],
  DynamicQuantizeLinear: [
    {
      body: 'q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z)',
      smooth: 'y = Identity(x)',
      inputs: { x: [[3, 4]] },
    },
  ],
  Einsum: [
    two('y = Einsum<equation = "bij,bjk->bik">(a, b)', [2, 3, 2], [2, 2, 3]),
    two('y = Einsum<equation = "ij,kj">(a, b)', [2, 3], [4, 3]),
    two('y = Einsum<equation = "bhid,bhjd->bhij">(a, b)', [1, 2, 2, 3], [1, 2, 3, 3]),
  ],
  Elu: [one('y = Elu<alpha: float = 1.3>(x)')],
  Erf: [one('y = Erf(x)')],
  Exp: [one('y = Exp(x)')],
  Expand: [one(`${vector('n', [2, 3, 4])} y = Expand(x, n)`, [3, 1]), one(`${vector('n', [1])} y = Expand(x, n)`)],
  Flatten: [one('f = Flatten<axis = 2>(x) y = Mul(f, f)', [2, 3, 4]), one('f = Flatten<axis = 0>(x) y = Mul(f, f)')],
  Floor: [
    one('f = Floor(x) r = Sub(x, f) y = Mul(r, x)'),
    one('f = Floor(x) r = Sub(x, f) t = Sub(f, r) y = Mul(t, x)'),
    { ...one('r = Floor(x) y = Mul(r, x)'), smooth: 'r = Floor(x) y = Mul(r, x)' },
  ],
  Gather: [
    one(`${vector('i', [2, 0, 2])} y = Gather(x, i)`),
    one('i = Constant<value = int64[2, 2] {1, 1, -1, 0}>() y = Gather<axis = 1>(x, i)', [3, 4, 2]),
    one('i = Constant<value = int64 {1}>() y = Gather<axis = -1>(x, i)'),
    one('i = Constant<value = int32[2] {3, 0}>() y = Gather<axis = 1>(x, i)'),
  ],
  GRU: [
    recurrent('GRU', 3, ''),
    recurrent('GRU', 3, 'linear_before_reset = 1', { b: true, bidirectional: true, start: true }),
    recurrent('GRU', 3, 'direction = "reverse"', { b: true, lengths: [4, 2] }),
  ],
  GatherElements: [one('i = Constant<value = int64[3, 2] {0, 0, 3, 1, 2, 2}>() y = GatherElements<axis = 1>(x, i)')],
  GatherND: [
    one('i = Constant<value = int64[3, 2] {0, 1, 2, 3, 0, 1}>() y = GatherND(x, i)'),
    one('i = Constant<value = int64[2, 2, 1] {1, -1, 0, 0}>() y = GatherND<batch_dims = 1>(x, i)', [2, 3, 2]),
    one('i = Constant<value = int64[2, 3, 1] {1, 3, 0, 0, 2, 2}>() y = GatherND<batch_dims = 2>(x, i)', [2, 3, 4]),
  ],
  Gelu: [one('y = Gelu(x)'), one('y = Gelu<approximate = "tanh">(x)')],
  Gemm: [
    { body: 'y = Gemm(a, b, c)', inputs: { a: [[3, 4]], b: [[4, 2]], c: [[2]] } },
    {
      body: 'y = Gemm<transA = 1, transB = 1, alpha: float = 0.5, beta: float = 2>(a, b, c)',
      inputs: { a: [[4, 3]], b: [[2, 4]], c: [[3, 1]] },
    },
    { body: 'y = Gemm<transB = 1>(a, b)', inputs: { a: [[3, 4]], b: [[2, 4]] } },
    { body: 'y = Gemm<transA = 1>(a, b, c)', inputs: { a: [[4, 3]], b: [[4, 2]], c: [[]] } },
  ],
  GlobalAveragePool: [pool('GlobalAveragePool(x)'), pool('GlobalAveragePool(x)', [2, 3, 4])],
  GlobalMaxPool: [pool('GlobalMaxPool(x)')],
  GroupNormalization: [
    {
      body: 'y = GroupNormalization<num_groups = 2>(x, s, b)',
      inputs: { x: [[2, 4, 3, 2]], s: [[4]], b: [[4]] },
      open: /one number a channel/,
    },
  ],
  HardSigmoid: [one('y = HardSigmoid<alpha: float = 0.3, beta: float = 0.4>(x)')],
  HardSwish: [one('y = HardSwish(x)', [5, 5], -4, 4)],
  Identity: [one('i = Identity(x) y = Mul(i, x)')],
  InstanceNormalization: [
    { body: 'y = InstanceNormalization(x, s, b)', inputs: { x: [[2, 3, 3, 2]], s: [[3]], b: [[3]] } },
  ],
  LSTM: [
    recurrent('LSTM', 4, ''),
    recurrent('LSTM', 4, 'input_forget = 1, clip: float = 0.8', { b: true, start: true, peepholes: true }),
    recurrent('LSTM', 4, '', { b: true, start: true, bidirectional: true, peepholes: true, lengths: [2, 4] }),
    {
      ...recurrent('LSTM', 4, 'activations = ["HardSigmoid", "Tanh", "Relu"], activation_alpha = [0.25]', { b: true }),
      notNative: 'numbers of activations are not taken by default there',
    },
  ],
  LayerNormalization: [
    { body: 'y = LayerNormalization(x, s, b)', inputs: { x: [[2, 3, 4]], s: [[4]], b: [[4]] } },
    { body: 'y = LayerNormalization<axis = 1>(x, s)', inputs: { x: [[2, 3, 4]], s: [[3, 4]] } },
  ],
  LeakyRelu: [one('y = LeakyRelu<alpha: float = 0.2>(x)')],
  Log: [one('y = Log(x)', [3, 4], 0.5, 3)],
  LogSoftmax: [one('y = LogSoftmax(x)'), one('y = LogSoftmax<axis = 1>(x)', [2, 3, 2])],
  MatMul: [
    two('y = MatMul(a, b)', [3, 4], [4, 2]),
    two('y = MatMul(a, b)', [2, 3, 4], [4, 2]),
    two('y = MatMul(a, b)', [2, 3, 4], [2, 4, 2]),
    two('y = MatMul(a, b)', [2, 1, 3, 4], [3, 4, 2]),
    two('y = MatMul(a, b)', [3, 4], [2, 4, 2]),
    two('y = MatMul(a, b)', [4], [4, 2]),
    two('y = MatMul(a, b)', [3, 4], [4]),
    two('y = MatMul(a, b)', [4], [2, 4, 2]),
    two('y = MatMul(a, b)', [2, 3, 4], [4]),
    two('y = MatMul(a, b)', [4], [4]),
  ],
  MatMulInteger: [
    {
      body: `q, s, z = DynamicQuantizeLinear(x) w = Constant<value = int8[4, 2] {3, -2, 1, 4, -5, 2, 0, 1}>()
        i = MatMulInteger(q, w, z) f = Cast<to = 1>(i) y = Mul(f, s)`,
      smooth: 'w = Constant<value = float[4, 2] {3, -2, 1, 4, -5, 2, 0, 1}>() y = MatMul(x, w)',
      inputs: { x: [[3, 4]] },
    },
  ],
  Max: [
    two('y = Max(a, b)', [3, 4], [4]),
    { body: 'y = Max(a, b, c)', inputs: { a: [[2, 2]], b: [[2]], c: [[2, 1]] } },
    one('y = Max(x)'),
  ],
  MaxPool: [
    pool('MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)'),
    pool('MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 1]>(x)'),
    pool('MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1, dilations = [1, 2]>(x)'),
    pool('MaxPool<kernel_shape = [3]>(x)', [2, 3, 7]),
    pool('MaxPool<kernel_shape = [2, 2, 2]>(x)', [1, 2, 3, 4, 3]),
  ],
  Mean: [{ body: 'y = Mean(a, b, c)', inputs: { a: [[2, 3]], b: [[3]], c: [[2, 1]] } }],
  Min: [
    two('y = Min(a, b)', [3, 4], [4]),
    { body: 'y = Min(a, b, c)', inputs: { a: [[2, 2]], b: [[2]], c: [[2, 1]] } },
  ],
  Mish: [one('y = Mish(x)')],
  Mod: [two('y = Mod<fmod = 1>(a, b)', [3, 4], [4], 0.7, 5)],
  Mul: [two('y = Mul(a, b)', [3, 4], [3, 1]), one('y = Mul(x, x)')],
  Neg: [one('y = Neg(x)')],
  PRelu: [two('y = PRelu(a, b)', [2, 3, 4], [3, 1]), two('y = PRelu(a, b)', [3, 4], [1])],
  Pad: [
    one(`${vector('p', [1, 0, 2, 1])} y = Pad(x, p)`),
    one(`${vector('p', [-1, 1, 0, 2])} ${scalar('v', 3)} y = Pad(x, p, v)`),
    one(`${vector('p', [1, 2])} ${vector('i', [1])} y = Pad(x, p, , i)`),
    one(`${vector('p', [1, 2, 1, 1])} y = Pad<mode = "reflect">(x, p)`, [4, 5]),
    one(`${vector('p', [1, 2, 0, 1])} y = Pad<mode = "edge">(x, p)`),
    one(`${vector('p', [1, 2, 0, 1])} y = Pad<mode = "wrap">(x, p)`),
  ],
  Pow: [
    two('y = Pow(a, b)', [3, 4], [4], 0.5, 2),
    one(`${scalar('p', 3)} y = Pow(x, p)`),
    one('p = Constant<value = int64 {2}>() y = Pow(x, p)'),
  ],
  QuantizeLinear: [
    {
      body: `s = Constant<value = float {0.01}>() z = Constant<value = uint8 {100}>() q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)`,
      smooth: `${scalar('l', -1.005)} ${scalar('h', 1.555)} y = Clip(x, l, h)`,
      inputs: { x: [[5, 6]] },
    },
    {
      body: `s = Constant<value = float[2] {0.01, 0.02}>() z = Constant<value = int8[2] {0, 0}>()
        q = QuantizeLinear<axis = 0>(x, s, z) y = DequantizeLinear<axis = 0>(q, s, z)`,
      smooth: `h = Constant<value = float[2, 1] {1.275, 2.55}>() l = Constant<value = float[2, 1] {-1.285, -2.57}>() a = Max(x, l) y = Min(a, h)`,
      inputs: { x: [[2, 9]] },
    },
  ],
  RNN: [recurrent('RNN', 1, ''), recurrent('RNN', 1, 'activations = ["Softsign"], direction = "reverse"', { b: true })],
  RMSNormalization: [
    { body: 'y = RMSNormalization(x, s)', inputs: { x: [[2, 3, 4]], s: [[4]] }, opset: 23 },
    { body: 'y = RMSNormalization<axis = 1>(x, s)', inputs: { x: [[2, 3, 4]], s: [[3, 4]] }, opset: 23 },
  ],
  Reciprocal: [one('y = Reciprocal(x)', [3, 4], 0.5, 2)],
  ReduceL1: reduce('ReduceL1'),
  ReduceL2: reduce('ReduceL2'),
  ReduceLogSum: reduce('ReduceLogSum', 0.5, 2),
  ReduceLogSumExp: reduce('ReduceLogSumExp'),
  ReduceMax: reduce('ReduceMax'),
  ReduceMean: reduce('ReduceMean'),
  ReduceMin: reduce('ReduceMin'),
  ReduceProd: [
    ...reduce('ReduceProd'),
    // One zero, and two.
    ...[1, 2].map(
      (zeros): GradientCase => ({
        body: `${vector('i', [1])} z = Concat<axis = 1>(a, b) y = ReduceProd(z, i)`,
        inputs: { a: [[3, zeros], 0, 0], b: [[3, 2]] },
      }),
    ),
  ],
  ReduceSum: [...reduce('ReduceSum'), one('y = ReduceSum<noop_with_empty_axes = 1>(x)')],
  ReduceSumSquare: reduce('ReduceSumSquare'),
  Relu: [one('y = Relu(x)')],
  Reshape: [
    one(`${vector('n', [2, -1])} r = Reshape(x, n) y = Mul(r, r)`),
    one(`${vector('n', [0, 2, 2])} r = Reshape(x, n) y = Mul(r, r)`),
  ],
  Resize: [
    one('r = Constant<value = float[4] {1, 1, 2, 2}>() y = Resize(x, , r)', [1, 2, 3, 4]),
    one('r = Constant<value = float[4] {1, 1, 1.5, 2}>() y = Resize<mode = "linear">(x, , r)', [2, 2, 4, 3]),
    one(
      `${vector('n', [1, 2, 5, 7])} y = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">(x, , , n)`,
      [1, 2, 3, 4],
    ),
    one(`${vector('n', [1, 1, 2, 7])} y = Resize<mode = "cubic", cubic_coeff_a: float = -0.5>(x, , , n)`, [1, 1, 5, 4]),
    one(
      'r = Constant<value = float[3] {1, 1, 2}>() y = Resize<coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(x, , r)',
      [2, 2, 3],
    ),
    one('r = Constant<value = float[2] {2, 0.5}>() y = Resize<axes = [2, 3], mode = "linear">(x, , r)', [1, 2, 3, 4]),
  ],
  Round: [{ ...one('r = Round(x) y = Mul(r, x)'), smooth: 'r = Round(x) y = Mul(r, x)' }],
  Scan: [
    {
      body: `h, z = Scan<num_scan_inputs = 1, body = b (a, e) => (n, o) {
          m = MatMul(a, w)  q = Add(m, e)  n = Tanh(q)  o = Mul(n, a) }>(s, x)
        t = ReduceSum<keepdims = 0>(h)  y = Mul(z, t)`,
      inputs: { s: [[2, 3]], x: [[4, 2, 3]], w: [[3, 3]] },
    },
    // Two states, of which one counts the steps, read and written backwards and along other axes.
    {
      body: `k = Constant<value = int64 {1}>()
        i, h, z, v = Scan<num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 0],
          scan_output_axes = [-1, 0], scan_output_directions = [1, 1], body = b (c, a, e, f) => (d, n, o, p) {
          d = Add(c, k)  g = Cast<to = 1>(d)  m = Mul(e, g)  q = Add(a, m)  n = Sigmoid(q)  o = Mul(n, f)  p = Sub(f, a) }>
          (k, s, x, u)
        t = ReduceSum<keepdims = 0>(v)  y = Mul(z, t)`,
      inputs: { s: [[2]], x: [[2, 3]], u: [[3, 2]] },
    },
    // No state, and outputs that nobody reads.
    {
      body: 'z, y = Scan<num_scan_inputs = 1, body = b (e) => (o, p) { o = Exp(e)  p = Mul(e, e) }>(x)',
      inputs: { x: [[3, 2]] },
    },
  ],
  ScatterElements: ['none', 'add', 'mul', 'max', 'min'].flatMap((reduction) => [
    scattered(`ScatterElements<axis = 1, reduction = "${reduction}">`, [3, 4], [3, 2], [0, 2, 3, 1, -2, 1]),
    ...(reduction === 'none'
      ? []
      : [scattered(`ScatterElements<reduction = "${reduction}">`, [2, 3], [3, 1], [0, -2, 1])]),
  ]),
  ScatterND: ['none', 'add', 'mul', 'max', 'min'].flatMap((reduction) => [
    scattered(`ScatterND<reduction = "${reduction}">`, [3, 4], [2, 4], [2, -3], [2, 1]),
    ...(reduction === 'none'
      ? []
      : [scattered(`ScatterND<reduction = "${reduction}">`, [3, 4], [3], [2, 1, 0, 3, 2, 1], [3, 2])]),
  ]),
  Selu: [one('y = Selu(x)')],
  Sigmoid: [one('y = Sigmoid(x)')],
  Sin: [one('y = Sin(x)')],
  Sinh: [one('y = Sinh(x)')],
  Slice: [
    one(`${vector('b', [1])} ${vector('e', [3])} ${vector('i', [1])} y = Slice(x, b, e, i)`),
    one(`${vector('b', [-3, 0])} ${vector('e', [1000, -1])} y = Slice(x, b, e)`),
    one(
      `${vector('b', [0, 3])} ${vector('e', [3, -1000])} ${vector('i', [0, 1])} ${vector('s', [2, -1])} y = Slice(x, b, e, i, s)`,
    ),
  ],
  Softmax: [one('y = Softmax(x)'), one('y = Softmax<axis = 1>(x)', [2, 3, 2])],
  Softplus: [one('y = Softplus(x)')],
  Softsign: [one('y = Softsign(x)')],
  SpaceToDepth: [one('y = SpaceToDepth<blocksize = 2>(x)', [1, 2, 4, 2])],
  Split: [
    one(`${vector('n', [1, 3])} p, q = Split<axis = 1>(x, n) r = Mul(q, q) y = Concat<axis = 1>(r, p)`),
    one('p, q = Split<axis = -1, num_outputs = 2>(x) y = Mul(q, q)'),
  ],
  Sqrt: [one('y = Sqrt(x)', [3, 4], 0.5, 3)],
  Squeeze: [
    { ...one('s = Squeeze(x) y = Mul(s, s)', [3, 1, 4]), open: /rank/ },
    one(`${vector('i', [1])} s = Squeeze(x, i) y = Mul(s, s)`, [3, 1, 4]),
  ],
  Sub: [two('y = Sub(a, b)', [3, 4], [4]), two('y = Sub(a, b)', [1, 4], [2, 3, 1])],
  Sum: [{ body: 'y = Sum(a, b, c)', inputs: { a: [[2, 3]], b: [[3]], c: [[2, 1]] } }],
  Swish: [{ ...one('y = Swish<alpha: float = 1.5>(x)'), opset: 24 }],
  Tan: [one('y = Tan(x)', [3, 4], -1, 1)],
  Tanh: [one('y = Tanh(x)')],
  ThresholdedRelu: [one('y = ThresholdedRelu<alpha: float = 0.5>(x)')],
  Tile: [one(`${vector('r', [2, 3])} t = Tile(x, r) y = Mul(t, t)`, [2, 3])],
  TopK: [
    one(`${vector('k', [2])} y, i = TopK(x, k)`),
    one(`${vector('k', [2])} y, i = TopK<axis = 0, largest = 0>(x, k)`),
  ],
  Transpose: [
    one('t = Transpose<perm = [2, 0, 1]>(x) y = Mul(t, t)', [2, 3, 4]),
    one('t = Transpose(x) y = Mul(t, t)'),
  ],
  Trilu: [one('y = Trilu(x)'), one('k = Constant<value = int64 {-1}>() y = Trilu<upper = 0>(x, k)', [2, 3, 4])],
  Unsqueeze: [one(`${vector('i', [0, 2])} u = Unsqueeze(x, i) y = Mul(u, u)`)],
  Where: [two('c = Greater(a, b) y = Where(c, a, b)', [3, 4], [4])],
  'com.microsoft.Gelu': [one('y = com.microsoft.Gelu(x)')],
  'com.microsoft.QuickGelu': [one('y = com.microsoft.QuickGelu<alpha: float = 1.5>(x)')],
  'com.microsoft.RotaryEmbedding': [
    one(`${ROTARY} y = com.microsoft.RotaryEmbedding(x, p, c, s)`, [2, 3, 4, 4]),
    one(`${ROTARY} y = com.microsoft.RotaryEmbedding<interleaved: int = 1>(x, p, c, s)`, [2, 4, 12]),
  ],
}
