/*
 * c = Conv(x, w, b)   y = Concat<axis = 1>(f(c), f(Neg(c)))   ⇒   y = f(Conv(x, [w; −w], [b; −b]))      f: Relu, or nothing
 * Networks with concatenated rectifiers (CReLU: Shang and others, 2016) keep what is positive and what is negative apart.
 * The runtime's blocked kernel makes 16 channels whether or not they are wanted, so of eight the negative ones come for
 * nothing, and what stood between two convolutions is a part of the first (the drawings of Anime4K, seven such layers of
 * 16 to 8 channels at 128×128: see docs/kernels.md).
 * Illegal: others read c or its negative; groups; weights that are not constant.
 * Left alone where twice the channels take more blocks.
 * Source: −(w·x + b) = (−w)·x + (−b), to the bit but for the sign of a zero.
 */
import {
  floatOperands,
  fromNumbers,
  intAttribute,
  joinedFloats,
  type Node,
  nodeLabel,
  type Tensor,
  tensorValues,
} from '../../ir/index.ts'
import { BLOCK, piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const mirrorNarrowConvolutions = rulePass(
  'mirrorNarrowConvolutions',
  'A narrow convolution whose result and its negative are joined makes both.',
  [{ roots: ['Concat'], apply }],
)

function apply(node: Node, { editor, constant }: RuleContext): RuleOutcome {
  if (node.inputs.length !== 2) return false
  const halves = node.inputs.map((name) => halfOf(name))
  const [first, second] = halves
  if (!first || !second || first.value !== second.value || first.rectified !== second.rectified) return false
  if (first.negated === second.negated) return false
  const conv = editor.producer(first.value, 'Conv')
  const operands = conv && floatOperands(conv, constant)
  if (!operands || intAttribute(conv, 'group', 1) !== 1) return false
  const { weight, bias } = operands
  if (![1, 1 - weight.dims.length].includes(intAttribute(node, 'axis', 0))) return false
  const between = halves.flatMap((half) => half!.nodes)
  const readers = editor.consumers(first.value)
  if (editor.isOutput(first.value) || readers.length !== 2 || between.some(({ outputs }) => !isAlone(outputs[0]!)))
    return { refused: `${nodeLabel(conv)} is also read elsewhere` }
  const channels = weight.dims[0]!
  if (Math.ceil((2 * channels) / BLOCK) > Math.ceil(channels / BLOCK))
    return { refused: 'twice its channels would take more blocks' }

  const { values, make } = piecesOf(node.outputs[0]!, editor)
  const [both] = values('both')
  const mirrored = (tensor: Tensor, hint: string) =>
    editor.addConstant(signed(tensor, first.negated), `${hint}_mirrored`)
  const inputs = [conv.inputs[0]!, mirrored(weight, conv.inputs[1]!)]
  if (bias) inputs.push(mirrored(bias, conv.inputs[2]!))
  for (const gone of [...between, conv]) editor.remove(gone)
  editor.replace(
    node,
    { ...conv, inputs, outputs: [first.rectified ? both : node.outputs[0]!] },
    ...(first.rectified ? [make('Relu', [both], node.outputs[0]!)] : []),
  )
  return true

  function isAlone(name: string): boolean {
    return editor.soleConsumer(name) !== undefined
  }

  /** What a half of the joint is made of, from the joint back. */
  function halfOf(name: string) {
    const relu = editor.producer(name, 'Relu')
    const neg = editor.producer(relu?.inputs[0] ?? name, 'Neg')
    const nodes = [relu, neg].filter((one) => one !== undefined)
    return {
      value: nodes.at(-1)?.inputs[0] ?? name,
      rectified: relu !== undefined,
      negated: neg !== undefined,
      nodes,
    }
  }
}

/** A tensor and its negative, one behind the other along the first axis. */
function signed(tensor: Tensor, negativeFirst: boolean): Tensor {
  const plain = tensorValues(tensor) as Float32Array
  const negative = plain.map((value) => -value)
  const [count, ...rest] = tensor.dims as [number, ...number[]]
  return fromNumbers(
    'float32',
    [2 * count, ...rest],
    joinedFloats(negativeFirst ? [negative, plain] : [plain, negative]),
  )
}
