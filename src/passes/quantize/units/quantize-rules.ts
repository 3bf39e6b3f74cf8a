import {
  type Attribute,
  type DType,
  elementCount,
  floatAttribute,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  operatorName,
  outputsAxis,
  type Shape,
  stringAttribute,
  type Tensor,
  tensorValues,
} from '../../../ir/index.ts'
import { tilesOf } from '../kernels/tiles.ts'
import { EINSUM_REASON } from '../products/einsum-stays.ts'
import { channelSlopes } from './slopes.ts'

/**
 * What ONNX Runtime's CPU provider makes of an operator between DequantizeLinear and QuantizeLinear. Which patterns
 * become integer kernels, and what each needs, was measured against onnxruntime 1.30 and is verified again after
 * every build; source of the list: `qdq_selector_action_transformer.cc`.
 */
export interface OperatorRule {
  /** The integer kernel, by bare name; movements keep their own. */
  readonly kernel: string
  /**
   * `product`: a weighted sum whose weights and bias are constants (or two activations, in MatMul); `lookup`: one
   * activation through a table; `arithmetic`: several activations, scales may differ; `pool`: a mean; `movement`:
   * values are only moved, so both sides must share scale and zero point; `shift`: one number is added to all of them,
   * which other codes say without any kernel; `scale`: all of them are multiplied by one positive number, which another
   * scale says; `slopes`: the greater of one activation and its product with a number a
   * channel; `choice`: the greatest or the least of several activations, whose codes are compared under one scale.
   */
  readonly kind: 'product' | 'lookup' | 'arithmetic' | 'pool' | 'movement' | 'shift' | 'scale' | 'slopes' | 'choice'
  /** Why this node cannot become that kernel, or undefined. */
  refuse?(node: Node, facts: NodeFacts): string | undefined
}

/** What a rule may ask about the values of a node. */
export interface NodeFacts {
  readonly opset: number
  readonly constant: (value: string) => Tensor | undefined
  /** What its elements are; undefined where that is not known. */
  dtype?(value: string): DType | undefined
  /** Its dimensions, null or undefined where nothing is known; without this function nothing is refused for a shape. */
  shape?(value: string): Shape | null | undefined
}

const movement = (refuse?: OperatorRule['refuse']): Omit<OperatorRule, 'kernel'> =>
  refuse ? { kind: 'movement', refuse } : { kind: 'movement' }

/** Rules by `operatorName`. An operator that is absent stays in float. */
export const quantizeRules: Readonly<Record<string, OperatorRule>> = {
  Conv: { kernel: 'QLinearConv', kind: 'product', refuse: refuseConv },
  // A convolution, and tiles laid side by side: see `convolveTiles`.
  ConvTranspose: { kernel: 'QLinearConv', kind: 'product', refuse: refuseTransposed },
  MatMul: { kernel: 'QLinearMatMul', kind: 'product', refuse: refuseMatMul },
  Gemm: { kernel: 'QGemm', kind: 'product', refuse: refuseGemm },
  Add: { kernel: 'QLinearAdd', kind: 'arithmetic' },
  Mul: { kernel: 'QLinearMul', kind: 'arithmetic' },
  Concat: { kernel: 'QLinearConcat', kind: 'arithmetic' },
  // Compared as codes: the runtime has kernels for bytes, but makes none of them between conversions.
  Max: { kernel: 'Max', kind: 'choice', refuse: refuseChoice },
  Min: { kernel: 'Min', kind: 'choice', refuse: refuseChoice },
  AveragePool: { kernel: 'QLinearAveragePool', kind: 'pool' },
  GlobalAveragePool: { kernel: 'QLinearGlobalAveragePool', kind: 'pool' },
  LeakyRelu: { kernel: 'QLinearLeakyRelu', kind: 'lookup' },
  // A convolution of one tap a channel, and the greater of its codes and those that it read: see `slopesInCodes`.
  PRelu: { kernel: 'QLinearConv', kind: 'slopes', refuse: refuseSlopes },
  Sigmoid: { kernel: 'QLinearSigmoid', kind: 'lookup' },
  Softmax: { kernel: 'QLinearSoftmax', kind: 'lookup', refuse: refuseSoftmax },
  MaxPool: { kernel: 'MaxPool', ...movement(refuseMaxPool) },
  // A MaxPool of the whole picture, whose kernel takes bytes: see `overPicture`.
  GlobalMaxPool: { kernel: 'MaxPool', ...movement(refuseGlobalMaxPool) },
  ReduceMax: { kernel: 'ReduceMax', ...movement() },
  Reshape: { kernel: 'Reshape', ...movement() },
  Flatten: { kernel: 'Flatten', ...movement() },
  Transpose: { kernel: 'Transpose', ...movement() },
  Slice: { kernel: 'Slice', ...movement() },
  Squeeze: { kernel: 'Squeeze', ...movement() },
  Unsqueeze: { kernel: 'Unsqueeze', ...movement() },
  Split: { kernel: 'Split', ...movement() },
  Gather: { kernel: 'Gather', ...movement(refuseGather) },
  DepthToSpace: { kernel: 'DepthToSpace', ...movement() },
  Expand: { kernel: 'Expand', ...movement() },
  Tile: { kernel: 'Tile', ...movement() },
  Resize: { kernel: 'Resize', ...movement(refuseResize) },
  Pad: { kernel: 'Pad', ...movement(refusePad) },
}

/** Operators that stay in float, with the reason that a report gives; others say that no kernel exists. */
export const floatReasons: Readonly<Record<string, string>> = {
  ReduceMean: 'the runtime has no integer kernel for ReduceMean',
  LSTM: 'recurrent layers have no static integer kernel; the dynamic scheme, or `recurrent` beside this one, has',
  GRU: 'recurrent layers have no static integer kernel; the dynamic scheme, or `recurrent` beside this one, has where they are large',
  Einsum: EINSUM_REASON,
}

/**
 * Inputs of a node that carry activations, as opposed to shapes, axes, weights of products and biases. Slots that
 * hold constants of elementwise operators are activations too: they are quantized as such.
 */
export function activationSlots(node: Node): readonly number[] {
  switch (node.opType) {
    case 'Add':
    case 'Mul':
    case 'MatMul':
      return [0, 1]
    case 'Concat':
    case 'Max':
    case 'Min':
      return node.inputs.map((_, slot) => slot)
    default:
      return [0]
  }
}

/** The weights of a product that needs constant ones, or why they cannot be coded. */
function weightsOf(node: Node, facts: NodeFacts): Tensor | string {
  const weight = facts.constant(node.inputs[1]!)
  if (!weight) return 'its weights are not constant'
  return weight.dtype === 'float32' ? weight : `its weights are ${weight.dtype}`
}

function refuseConv(node: Node, facts: NodeFacts): string | undefined {
  const weight = weightsOf(node, facts)
  if (typeof weight === 'string') return weight
  return weight.dims.length < 3 ? 'its weights have fewer than three dimensions' : refuseBias(node, facts)
}

function refuseTransposed(node: Node, facts: NodeFacts): string | undefined {
  const weight = weightsOf(node, facts)
  const tiles = typeof weight === 'string' ? weight : tilesOf(node, weight)
  return typeof tiles === 'string' ? tiles : refuseBias(node, facts)
}

function refuseMatMul(node: Node, facts: NodeFacts): string | undefined {
  const [left, right] = [facts.constant(node.inputs[0]!), facts.constant(node.inputs[1]!)]
  if (left) return 'its left side is constant: the runtime wants activations there'
  if (right && right.dtype !== 'float32') return `its weights are ${right.dtype}`
  if (right && right.dims.length < 2) return 'its weights are a vector'
  return undefined
}

function refuseGemm(node: Node, facts: NodeFacts): string | undefined {
  const weight = weightsOf(node, facts)
  if (typeof weight === 'string') return weight
  if (intAttribute(node, 'transA', 0) !== 0) return 'its input is transposed'
  if (floatAttribute(node, 'alpha', 1) === 0) return 'its factor alpha is 0'
  return refuseBias(node, facts)
}

function refuseBias(node: Node, facts: NodeFacts): string | undefined {
  const name = node.inputs[2] ?? ''
  if (name === '') return undefined
  const bias = facts.constant(name)
  if (!bias) return 'its bias is not constant'
  if (bias.dtype !== 'float32') return `its bias is ${bias.dtype}`
  const channels = channelsOf(node, facts.constant(node.inputs[1]!)!)
  const count = elementCount(bias.dims)
  const last = bias.dims.at(-1) ?? 1
  if (count !== last || (count !== 1 && count !== channels)) return 'its bias is not one number a channel'
  return undefined
}

/** A constant side is a limit, which no row that was calibrated need reach. */
function refuseChoice(node: Node, facts: NodeFacts): string | undefined {
  if (node.inputs.length < 2) return 'it chooses from one value'
  return node.inputs.some(facts.constant) ? 'one side of it is constant: a limit, which codes need not hold' : undefined
}

function refuseSlopes(node: Node, facts: NodeFacts): string | undefined {
  const slopes = channelSlopes(node, facts)
  return typeof slopes === 'string' ? slopes : undefined
}

function channelsOf(node: Node, weight: Tensor): number {
  return weight.dims[outputsAxis(node, weight)]!
}

/**
 * Over a single value Softmax is 1, and the runtime's kernel answers 0 there (as measured with 1.30). Attention over a
 * text of open length may meet that at a text of one token, which no row that was calibrated or compared need show.
 */
function refuseSoftmax(node: Node, facts: NodeFacts): string | undefined {
  if (!facts.shape) return undefined
  const dimension = facts.shape(node.inputs[0]!)?.at(intAttribute(node, 'axis', -1))
  if (dimension === 1) return 'the runtime’s integer kernel gives 0 over a single value'
  return typeof dimension === 'number'
    ? undefined
    : 'its length is open, and over a single value the runtime’s integer kernel gives 0'
}

function refuseMaxPool(node: Node, facts: NodeFacts): string | undefined {
  if (facts.opset < 12) return 'MaxPool takes integers from opset 12 on'
  if (node.outputs.length > 1 && node.outputs[1] !== '') return 'it also gives indices'
  return undefined
}

/** Height and width, or however many axes stand behind rows and channels; undefined where one is open. */
function placesOf(node: Node, { shape }: NodeFacts): readonly number[] | undefined {
  const places = shape?.(node.inputs[0]!)?.slice(2) ?? []
  const known = places.filter((size) => typeof size === 'number')
  return known.length === 2 && places.length === 2 ? known : undefined
}

function refuseGlobalMaxPool(node: Node, facts: NodeFacts): string | undefined {
  if (!facts.shape || placesOf(node, facts)) return undefined
  return 'the size of its picture is open, and the runtime has no integer kernel for GlobalMaxPool'
}

/** A GlobalMaxPool as the pool of the whole picture. */
export function overPicture(node: Node, facts: NodeFacts): Node {
  const places = placesOf(node, facts)
  if (!places) throw new Error(`internal: the picture of ${node.name} has no size`)
  return { ...node, opType: 'MaxPool', attributes: new Map([['kernel_shape', ints(places)]]) }
}

const interpolation = (node: Node): string => stringAttribute(node, 'mode', 'nearest')

function refuseResize(node: Node): string | undefined {
  const mode = interpolation(node)
  return mode === 'nearest' ? undefined : `interpolation "${mode}" has no integer kernel`
}

/**
 * Whether each element of its result is one of those that it reads, or one of a constant border: then what holds of each
 * before holds of each behind it. A Resize that interpolates makes new values of several.
 */
export const onlyMoves = (node: Node): boolean =>
  quantizeRules[operatorName(node)]?.kind === 'movement' &&
  (operatorName(node) !== 'Resize' || interpolation(node) === 'nearest')

function refuseGather(node: Node, facts: NodeFacts): string | undefined {
  return facts.constant(node.inputs[0]!) ? 'it reads a table' : undefined
}

/** Codes of zero, or of pixels that are there: what else would be laid around them may have no code. */
function refusePad(node: Node, facts: NodeFacts): string | undefined {
  if (stringAttribute(node, 'mode', 'constant') !== 'constant' || !node.inputs[2]) return undefined
  const value = facts.constant(node.inputs[2])
  const zero = value && Number(tensorValues(value)[0]) === 0
  return zero ? undefined : 'it pads with another value than zero, which may have no code'
}

/** Attributes without the named ones. */
export function without(node: Node, ...names: readonly string[]): ReadonlyMap<string, Attribute> {
  return new Map([...node.attributes].filter(([name]) => !names.includes(name)))
}

/** A pool's attributes for its integer kernel, which the runtime hands all of them and which knows no dilations. */
export function poolAttributes(node: Node): ReadonlyMap<string, Attribute> {
  const close = intsAttribute(node, 'dilations', []).every((step) => step === 1)
  return close ? without(node, 'dilations') : node.attributes
}
