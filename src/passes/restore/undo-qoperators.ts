/*
 * y₈ = QLinearConv(x₈, xs, xz, w₈, ws, wz, ys, yz, b₃₂) ⇒ x = DequantizeLinear(x₈, xs, xz), w = DequantizeLinear(w₈, ws, wz),
 * b = DequantizeLinear(b₃₂, xs·ws), y₈ = QuantizeLinear(Conv(x, w, b), ys, yz); the other operators between codes alike
 * y = DequantizeLinear(Reshape(q), s, z) ⇒ y = Reshape(DequantizeLinear(q, s, z)), and whatever else only moves codes
 * Illegal: scales that are computed, channels last, a Softmax or a product in a form that the float operator lacks.
 * Source: ONNX, QLinearConv and QLinearMatMul; ONNX Runtime, contrib operators.
 */
import {
  elementCount,
  floatAttribute,
  fromNumbers,
  int,
  intAttribute,
  makeNode,
  type Node,
  operatorName,
  toNumbers,
} from '../../ir/index.ts'
import { type GraphEditor, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

/** A tensor of codes: its values, scale and zero point, and the axis of its scales where they are many. */
interface Coded {
  readonly codes: string
  readonly scale: string
  readonly zero: string
  readonly axis?: number
}

/** What an operator between codes reads and gives, and the float operator that it stands for. */
interface Form {
  readonly opType: string
  readonly inputs: readonly Coded[]
  /** int32 in steps of the product of the first two scales. */
  readonly bias?: string | undefined
  /** Null where it gives floats. */
  readonly output: Omit<Coded, 'codes'> | null
  /** Attributes that the float operator does not have. */
  readonly without?: readonly string[]
}

const coded = (inputs: readonly string[], at: number, axis?: number): Coded => ({
  codes: inputs[at]!,
  scale: inputs[at + 1]!,
  zero: inputs[at + 2] ?? '',
  ...(axis === undefined ? {} : { axis }),
})
const given = (inputs: readonly string[], at: number) =>
  inputs[at] ? { scale: inputs[at], zero: inputs[at + 1] ?? '' } : null

/** A float operator of one tensor. */
const unary =
  (opType: string) =>
  ({ inputs }: Node): Form => ({
    opType,
    inputs: [coded(inputs, 0)],
    output: given(inputs, 3),
    without: ['channels_last'],
  })
const binary =
  (opType: string) =>
  ({ inputs }: Node): Form => ({ opType, inputs: [coded(inputs, 0), coded(inputs, 3)], output: given(inputs, 6) })

const FORMS: Readonly<Record<string, (node: Node) => Form>> = {
  QLinearConv: ({ inputs }) => ({
    opType: 'Conv',
    inputs: [coded(inputs, 0), coded(inputs, 3, 0)],
    bias: inputs[8],
    output: given(inputs, 6),
    without: ['channels_last'],
  }),
  QLinearMatMul: ({ inputs }) => ({
    opType: 'MatMul',
    inputs: [coded(inputs, 0), coded(inputs, 3, -1)],
    output: given(inputs, 6),
  }),
  'com.microsoft.QGemm': (node) => ({
    opType: 'Gemm',
    inputs: [coded(node.inputs, 0), coded(node.inputs, 3, intAttribute(node, 'transB', 0) !== 0 ? 0 : 1)],
    bias: node.inputs[6],
    output: given(node.inputs, 7),
  }),
  'com.microsoft.QLinearConcat': ({ inputs }) => ({
    opType: 'Concat',
    inputs: Array.from({ length: (inputs.length - 2) / 3 }, (_, i) => coded(inputs, 2 + 3 * i)),
    output: given(inputs, 0),
  }),
  'com.microsoft.QLinearAdd': binary('Add'),
  'com.microsoft.QLinearMul': binary('Mul'),
  'com.microsoft.QLinearSigmoid': unary('Sigmoid'),
  'com.microsoft.QLinearLeakyRelu': unary('LeakyRelu'),
  'com.microsoft.QLinearAveragePool': unary('AveragePool'),
  'com.microsoft.QLinearGlobalAveragePool': unary('GlobalAveragePool'),
}
/** DequantizeLinear has one scale for all before this operator set. */
const SCALES_BY_AXIS = 13

function inFloat(node: Node, { editor, opset }: RuleContext): RuleOutcome {
  const form = FORMS[operatorName(node)]!(node)
  if (intAttribute(node, 'channels_last', 0) === 1) return { refused: 'its channels come last' }
  const isMany = ({ scale }: Coded) => elementCount(editor.constant(scale)?.dims ?? []) > 1
  if (opset < SCALES_BY_AXIS && form.inputs.some(isMany)) return { refused: 'its scales are many' }
  const [y] = node.outputs as [string]
  const read = form.inputs.map((tensor, i) => dequantized(editor, tensor, `${y}_in${i}`))
  if (form.bias) {
    const scale = productScale(editor, node, form)
    if (!scale) return { refused: 'its scales are computed' }
    read.push(dequantized(editor, { codes: form.bias, scale, zero: '', axis: 0 }, `${y}_bias`))
  }
  const result = form.output ? editor.freshName(`${y}_float`) : y
  const attributes = new Map(node.attributes)
  for (const name of form.without ?? []) attributes.delete(name)
  const nodes = [
    ...read,
    {
      ...makeNode(
        form.opType,
        read.map(({ outputs }) => outputs[0]!),
        [result],
        { name: node.name },
      ),
      attributes,
    },
  ]
  if (form.output) {
    const { scale, zero } = form.output
    nodes.push(makeNode('QuantizeLinear', [result, scale, ...(zero === '' ? [] : [zero])], [y]))
  }
  editor.replace(node, ...nodes)
  return true
}

function dequantized(editor: GraphEditor, { codes, scale, zero, axis }: Coded, hint: string): Node {
  const many = elementCount(editor.constant(scale)?.dims ?? []) > 1
  const rank = editor.constant(codes)?.dims.length ?? 0
  const along = axis !== undefined && axis < 0 ? axis + rank : axis
  return makeNode('DequantizeLinear', [codes, scale, ...(zero === '' ? [] : [zero])], [editor.freshName(hint)], {
    attributes: many && along !== undefined ? { axis: int(along) } : {},
  })
}

/** The steps of sums of products, as a constant; undefined where a scale is none. */
function productScale(editor: GraphEditor, node: Node, { inputs }: Form): string | undefined {
  const [left, right] = inputs.map(({ scale }) => editor.constant(scale))
  if (!left || !right || elementCount(left.dims) !== 1) return undefined
  const factor = toNumbers(left)[0]! * floatAttribute(node, 'alpha', 1)
  const steps = Array.from(toNumbers(right), (step) => step * factor)
  return editor.addConstant(fromNumbers('float32', right.dims, steps), `${node.outputs[0]}_bias_scale`)
}

/** Operators whose results are some of the values that they read first. */
const MOVES = ['Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze', 'MaxPool']

/** Values that only move are numbers before they do: a conversion stands behind the one that it undoes. */
function aheadOfMoves(node: Node, { editor }: RuleContext): RuleOutcome {
  const [codes, scale] = node.inputs as [string, string]
  const move = editor.producer(codes, ...MOVES)
  if (!move || move.outputs.filter(Boolean).length > 1) return false
  const steps = editor.constant(scale)
  if (!steps || elementCount(steps.dims) !== 1) return false
  const numbers = editor.freshName(`${node.outputs[0]}_moved`)
  const [from, ...others] = move.inputs as [string, ...string[]]
  editor.replace(
    node,
    { ...node, inputs: [from, ...node.inputs.slice(1)], outputs: [numbers] },
    { ...move, inputs: [numbers, ...others], outputs: node.outputs, name: '' },
  )
  editor.removeUnused(move)
  return true
}

/**
 * Operators that go from codes to codes, as the older form of quantized files has them, written as the float operator
 * between conversions: the form that the newer tools write, which `undoStaticInt8` and everything else knows.
 */
export const undoQOperators = rulePass(
  'undoQOperators',
  'Operators between codes (QLinearConv and its like) as float operators between QuantizeLinear and DequantizeLinear.',
  [
    { roots: Object.keys(FORMS), apply: inFloat },
    { roots: ['DequantizeLinear'], apply: aheadOfMoves },
  ],
)
