import {
  floatAttribute,
  type GraphIndex,
  intAttribute,
  isDepthwise,
  type Node,
  operatorName,
  type Tensor,
} from '../../../ir/index.ts'
import { clipBounds } from '../../../rewrite/index.ts'
import { activationSlots, type NodeFacts, type OperatorRule, quantizeRules } from './quantize-rules.ts'

/**
 * What becomes integer, or stays in float, as a whole: an operator with what its integer kernel absorbs. That is the
 * bias of an `Add` behind a `MatMul`, and a `Relu` or `Clip` behind it, which the saturation of the codes does.
 */
export interface Unit {
  readonly node: Node
  readonly rule: OperatorRule
  readonly biasAdd?: { readonly node: Node; readonly bias: Tensor }
  readonly activation?: { readonly node: Node; readonly low: number; readonly high: number }
  /** Values that it reads, constants left out, each once. */
  readonly reads: readonly string[]
  /** Values that it gives to the rest of the graph. */
  readonly writes: readonly string[]
  /** A convolution with a group for each channel: slower in integers than in float. */
  readonly depthwise: boolean
  /** The kernel can give float instead of codes at no cost. */
  readonly floatOutput: boolean
}

/** The nodes of a unit behind its first one. */
export function partsBehind(unit: Unit): readonly Node[] {
  return [unit.biasAdd?.node, unit.activation?.node].filter((node) => node !== undefined)
}

/** Whether it hands on the codes that it reads, so that nothing is rounded. */
export function keepsCodes({ rule }: Pick<Unit, 'rule'>): boolean {
  return rule.kind === 'movement' || takesNoKernel({ rule })
}

/** Whether it needs no kernel: its readers read the codes of its own input, under another scale or zero point. */
export const takesNoKernel = ({ rule }: Pick<Unit, 'rule'>): boolean => rule.kind === 'shift' || rule.kind === 'scale'

/** Why weights that another tool has quantized cannot be: they are constants, but codes behind a DequantizeLinear. */
function codesAsWeights({ inputs }: Node, index: GraphIndex, facts: NodeFacts): string | undefined {
  const [, weights = ''] = inputs
  const maker = index.producer.get(weights)
  const isCodes = maker && operatorName(maker) === 'DequantizeLinear' && facts.constant(maker.inputs[0]!)
  return isCodes ? `its constant ${weights} is codes already` : undefined
}

/** The unit that starts at this node, or why the node cannot be an integer kernel; undefined where no rule knows it. */
export function unitAt(node: Node, index: GraphIndex, facts: NodeFacts): Unit | { refused: string } | undefined {
  const rule = ruleFor(node)
  if (!rule) return undefined
  const refused = rule.refuse?.(node, facts)
  if (refused) return { refused: codesAsWeights(node, index, facts) ?? refused }
  if (isAnswer(node, index))
    return { refused: 'it gives an answer, which codes would bring to 256 steps to save nothing' }
  if (isGateOfMish(node, index))
    return { refused: 'it is the gate of Mish: in float it and its Softplus are made of one fast sigmoid' }
  const reads = [...new Set(activationSlots(node).flatMap((slot) => node.inputs[slot] || []))].filter(
    (name) => !facts.constant(name),
  )
  if (reads.length === 0) return { refused: 'it reads constants only' }

  let output = node.outputs[0]!
  const sole = () => {
    const users = index.consumers.get(output) ?? []
    return users.length === 1 && !index.outputs.has(output) ? users[0] : undefined
  }
  const biasAdd = node.opType === 'MatMul' ? biasBehind(node, sole(), facts) : undefined
  if (biasAdd) output = biasAdd.node.outputs[0]!
  const activation = takesClamp(node, rule) ? clampBehind(sole(), output, facts) : undefined
  if (activation) output = activation.node.outputs[0]!
  const weight = node.opType === 'Conv' ? facts.constant(node.inputs[1]!) : undefined
  return {
    node,
    rule,
    ...(biasAdd && { biasAdd }),
    ...(activation && { activation }),
    reads,
    writes: node.outputs.length > 1 ? node.outputs.filter((name) => name !== '') : [output],
    depthwise: weight !== undefined && intAttribute(node, 'group', 1) > 1 && isDepthwise(node, weight),
    floatOutput: node.opType === 'MatMul' || node.opType === 'Gemm',
  }
}

/** Functions that give a probability or a value between −1 and 1. */
const LAST: ReadonlySet<string> = new Set(['Sigmoid', 'Softmax', 'Tanh', 'HardSigmoid'])

/**
 * Whether it gives answers of the model and nothing else, up to their layout. Its codes would be turned into float
 * right behind it, so it may as well compute in float: 409,600 probabilities of a text detector take as long either
 * way, one probability of a wake word is 3 % faster, and small values stay distinct.
 */
const isAnswer = (node: Node, index: GraphIndex) =>
  LAST.has(operatorName(node)) && isOnlyHandedOut(node.outputs[0]!, index)

/** Whether a value reaches only outputs, and unchanged. */
function isOnlyHandedOut(name: string, index: GraphIndex): boolean {
  const users = index.consumers.get(name) ?? []
  return users.length === 0
    ? index.outputs.has(name)
    : users.every((user) => isCarrier(user) && user.outputs.every((output) => isOnlyHandedOut(output, index)))
}

/** As a table, the Tanh would leave its slow Softplus alone in float: see `mishBySigmoid`. */
const isGateOfMish = (node: Node, { producer }: GraphIndex) => {
  const maker = producer.get(node.inputs[0]!)
  return operatorName(node) === 'Tanh' && maker !== undefined && operatorName(maker) === 'Softplus'
}

/** Whether it only moves or joins values. */
export const isCarrier = (node: Node): boolean =>
  operatorName(node) === 'Concat' || quantizeRules[operatorName(node)]?.kind === 'movement'

/** Whether its codes can end at limits behind it: not where codes are only moved, or where a table sets the ends. */
const takesClamp = (node: Node, { kind }: OperatorRule) =>
  kind !== 'movement' && (kind !== 'lookup' || operatorName(node) === 'LeakyRelu')

const lookup = quantizeRules.LeakyRelu!

/** Relu, HardSigmoid, Tanh and SiLU have no kernel of their own, but are tables, or a table and a product. */
function ruleFor(node: Node): OperatorRule | undefined {
  if (Object.hasOwn(quantizeRules, operatorName(node))) return quantizeRules[operatorName(node)]
  return standIn(node) ? lookup : undefined
}

/**
 * How an operator without an integer kernel is written with those that have one. `relu`: LeakyRelu with slope 0.
 * `hard-sigmoid`: clip(αx + β, 0, 1) is x itself under other codes, so a table that only rescales gives it.
 * `gate`: x times its hard or soft sigmoid. `tanh`: a sigmoid under other codes on both sides.
 */
export function standIn(node: Node): 'relu' | 'hard-sigmoid' | 'hard-swish' | 'silu' | 'tanh' | undefined {
  switch (operatorName(node)) {
    case 'Relu':
      return 'relu'
    case 'HardSigmoid':
      return floatAttribute(node, 'alpha', 0.2) > 0 ? 'hard-sigmoid' : undefined
    case 'HardSwish':
      return 'hard-swish'
    case 'Tanh':
      return 'tanh'
    case 'com.microsoft.QuickGelu':
      return Math.abs(floatAttribute(node, 'alpha', 1.702) - 1) < 1e-6 ? 'silu' : undefined
    default:
      return undefined
  }
}

function biasBehind(product: Node, add: Node | undefined, facts: NodeFacts): Unit['biasAdd'] {
  const weight = facts.constant(product.inputs[1]!)
  if (!add || operatorName(add) !== 'Add' || !weight || weight.dims.length !== 2) return undefined
  const other = add.inputs.find((name) => name !== product.outputs[0]!)
  const bias = other === undefined ? undefined : facts.constant(other)
  const channels = weight.dims[1]!
  if (bias?.dtype !== 'float32' || bias.dims.at(-1) !== channels || bias.dims.length > 2) return undefined
  return bias.dims.every((dim, i) => i === bias.dims.length - 1 || dim === 1) ? { node: add, bias } : undefined
}

function clampBehind(node: Node | undefined, input: string, facts: NodeFacts): Unit['activation'] {
  if (node?.domain !== '' || node.inputs[0] !== input) return undefined
  if (node.opType === 'Relu') return { node, low: 0, high: Number.POSITIVE_INFINITY }
  if (node.opType !== 'Clip') return undefined
  const bounds = clipBounds(node, facts.constant)
  // Codes always hold 0; a Clip that forbids 0 is more than saturation.
  return bounds && bounds.low <= 0 && bounds.high > 0 ? { node, ...bounds } : undefined
}
