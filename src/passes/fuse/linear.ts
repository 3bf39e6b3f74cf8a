import {
  elementCount,
  floatAttribute,
  fromNumbers,
  intAttribute,
  isFloating,
  isPadded,
  type Node,
  outputsAxis,
  type Tensor,
  tensorShape,
  toFloat32,
  toNumbers,
} from '../../ir/index.ts'
import {
  type Affine,
  atChannel,
  type ChannelAxis,
  type GraphEditor,
  isAllOnes,
  isAllZeros,
  type RuleContext,
} from '../../rewrite/index.ts'

/** A linear operator with constant weights, seen as what an affine map can be folded into. */
export interface Linear {
  readonly node: Node
  readonly weight: Tensor
  /** One number per output channel; null where the operator has no bias. */
  readonly bias: Float64Array | null
  readonly data: string
  readonly input: ChannelAxis
  readonly output: ChannelAxis
  /** Whether a constant added to the input comes out as a constant per output channel. */
  readonly shiftPasses: boolean
  /** Whether the operator can hold a bias. */
  readonly holdsBias: boolean
  /** The weights as rows × columns × inner elements that share both channels. */
  readonly grid: readonly [rows: number, columns: number, inner: number]
  inputAt(row: number, column: number): number
  outputAt(row: number, column: number): number
}

/** What `linearOf` says where a node is such an operator but its constants cannot be used. */
type Unusable = { readonly refused: string }

const LINEAR = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'] as const

/** The node as a Linear; undefined where it is another operator. */
export function linearOf(node: Node | undefined, context: RuleContext): Linear | Unusable | undefined {
  if (node?.domain !== '' || !(LINEAR as readonly string[]).includes(node.opType)) return undefined
  const weight = context.editor.constant(node.inputs[1]!)
  if (!weight) return { refused: `the weights of ${node.opType} are not constant` }
  if (!isFloating(weight.dtype)) return { refused: `weights of type ${weight.dtype}` }
  if (node.opType === 'MatMul') return matMul(node, weight, context)
  if (node.opType === 'Gemm') return gemm(node, weight, context)
  return convolution(node, weight, context)
}

function biasOf(node: Node, { editor }: RuleContext, channels: number): Float64Array | null | Unusable {
  const name = node.inputs[2] ?? ''
  if (name === '') return null
  const tensor = editor.constant(name)
  if (!tensor) return { refused: `the bias of ${node.opType} is not constant` }
  const { dims } = tensor
  const perColumn = dims.slice(0, -1).every((dim) => dim === 1) && [1, channels].includes(dims.at(-1) ?? 1)
  if (!perColumn || !isFloating(tensor.dtype)) return { refused: `the bias of ${node.opType} is not one per channel` }
  const values = toNumbers(tensor)
  return Float64Array.from({ length: channels }, (_, i) => atChannel(values, i))
}

function convolution(node: Node, weight: Tensor, context: RuleContext): Linear | Unusable {
  const transposed = node.opType === 'ConvTranspose'
  const [first, second, ...kernel] = weight.dims as [number, number, ...number[]]
  const groups = intAttribute(node, 'group', 1)
  const spatial = elementCount(kernel)
  const rank = weight.dims.length
  const inputs = transposed ? first : second * groups
  const outputs = transposed ? second * groups : first
  const bias = biasOf(node, context, outputs)
  if (bias && 'refused' in bias) return bias
  const perGroup = first / groups
  const across = (row: number, column: number) => Math.floor(row / perGroup) * second + column
  return {
    node,
    weight,
    bias,
    data: node.inputs[0]!,
    input: { fromEnd: rank - 2, channels: inputs, rank },
    output: { fromEnd: rank - 2, channels: outputs, rank },
    shiftPasses: !transposed && !isPadded(node),
    holdsBias: true,
    grid: [first, second, spatial],
    inputAt: transposed ? (row) => row : across,
    outputAt: transposed ? across : (row) => row,
  }
}

function gemm(node: Node, weight: Tensor, context: RuleContext): Linear | Unusable {
  if (intAttribute(node, 'transA', 0) !== 0) return { refused: 'Gemm reads its input transposed' }
  for (const name of ['alpha', 'beta'])
    if (floatAttribute(node, name, 1) !== 1) return { refused: `Gemm with ${name} other than 1` }
  const transposed = outputsAxis(node, weight) === 0
  const [first, second] = weight.dims as [number, number]
  const [inputs, outputs] = transposed ? [second, first] : [first, second]
  const bias = biasOf(node, context, outputs)
  if (bias && 'refused' in bias) return bias
  return {
    node,
    weight,
    bias,
    data: node.inputs[0]!,
    input: { fromEnd: 0, channels: inputs, rank: 2 },
    output: { fromEnd: 0, channels: outputs, rank: 2 },
    shiftPasses: true,
    holdsBias: true,
    grid: [first, second, 1],
    inputAt: transposed ? (_, column) => column : (row) => row,
    outputAt: transposed ? (row) => row : (_, column) => column,
  }
}

function matMul(node: Node, weight: Tensor, { types }: RuleContext): Linear | Unusable {
  if (weight.dims.length !== 2) return { refused: `MatMul with weights of rank ${weight.dims.length}` }
  const [inputs, outputs] = weight.dims as [number, number]
  const rank = tensorShape(types.get(node.inputs[0]!))?.length ?? null
  return {
    node,
    weight,
    bias: null,
    data: node.inputs[0]!,
    input: { fromEnd: 0, channels: inputs, rank },
    output: { fromEnd: 0, channels: outputs, rank },
    shiftPasses: false,
    holdsBias: false,
    grid: [inputs, outputs, 1],
    inputAt: (row) => row,
    outputAt: (_, column) => column,
  }
}

/**
 * The operator that gives `affine(linear(x))`: W·s and b·s + t per output channel. Refused where rounding to the
 * weights' type would overflow.
 */
export function foldAfter(linear: Linear, affine: Affine, output: string, editor: GraphEditor): Node | Unusable {
  if (!linear.holdsBias && !isAllZeros(affine.shift)) return { refused: `${linear.node.opType} holds no bias` }
  const channels = linear.output.channels!
  const weight = isAllOnes(affine.scale) ? null : scaled(linear, affine.scale, linear.outputAt)
  const bias = Float64Array.from(
    { length: channels },
    (_, i) => (linear.bias?.[i] ?? 0) * atChannel(affine.scale, i) + atChannel(affine.shift, i),
  )
  return rebuilt(linear, linear.data, weight, bias, output, editor)
}

/**
 * The operator that gives `linear(affine(x))`: W·s per input channel, and b + Σ W·t where a shift passes through (no
 * padding). Refused otherwise.
 */
export function foldBefore(linear: Linear, affine: Affine, editor: GraphEditor): Node | Unusable {
  if (!isAllZeros(affine.shift) && !linear.shiftPasses)
    return { refused: `a shift does not pass through ${describe(linear)}` }
  const channels = linear.output.channels!
  const bias = linear.bias ? linear.bias.slice() : new Float64Array(channels)
  if (!isAllZeros(affine.shift)) {
    const values = toNumbers(linear.weight)
    eachCell(linear, (row, column, from, to) => {
      const output = linear.outputAt(row, column)
      const shift = atChannel(affine.shift, linear.inputAt(row, column))
      for (let i = from; i < to; i++) bias[output]! += values[i]! * shift
    })
  }
  const weight = isAllOnes(affine.scale) ? null : scaled(linear, affine.scale, linear.inputAt)
  return rebuilt(linear, affine.input, weight, bias, linear.node.outputs[0]!, editor)
}

function describe({ node }: Linear): string {
  return node.opType === 'Conv' ? 'a padded Conv' : node.opType
}

/** Each product is made in float64 and rounded once, also where the array holds float32. */
function scaled(linear: Linear, scale: Float64Array, channelAt: Linear['inputAt']): Numbers {
  const { weight } = linear
  const values = weight.dtype === 'float32' ? toFloat32(weight).slice() : toNumbers(weight)
  eachCell(linear, (row, column, from, to) => {
    const factor = atChannel(scale, channelAt(row, column))
    for (let i = from; i < to; i++) values[i]! *= factor
  })
  return values
}

/** Visits the ranges of elements that share a row and a column of the weights. */
function eachCell(
  { grid: [rows, columns, inner] }: Linear,
  visit: (row: number, column: number, from: number, to: number) => void,
): void {
  let from = 0
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, from += inner) visit(row, column, from, from + inner)
}

function rebuilt(
  linear: Linear,
  data: string,
  weight: Numbers | null,
  bias: Float64Array,
  output: string,
  editor: GraphEditor,
): Node | Unusable {
  const { node } = linear
  const { dtype, dims } = linear.weight
  const weightTensor = weight && fromNumbers(dtype, dims, weight)
  const biasTensor = fromNumbers(dtype, [bias.length], bias)
  if (weightTensor && !allFinite(weightTensor))
    return { refused: `the folded weights overflow ${dtype} or are not finite` }
  if (!allFinite(biasTensor)) return { refused: `the folded bias overflows ${dtype} or is not finite` }
  const inputs = [data, weightTensor ? editor.addConstant(weightTensor, node.inputs[1]!) : node.inputs[1]!]
  if (linear.bias || !isAllZeros(bias)) inputs.push(editor.addConstant(biasTensor, node.inputs[2] || `${output}_bias`))
  return { ...node, inputs, outputs: [output] }
}

function allFinite(tensor: Tensor): boolean {
  const values = tensor.dtype === 'float64' ? toNumbers(tensor) : toFloat32(tensor)
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return false
  return true
}

type Numbers = Float32Array | Float64Array
