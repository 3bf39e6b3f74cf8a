/*
 * y = Add(MatMul(x, W), b), x: float[N, L, 64], W: float[1, 64, 32], b: float[1, 1, 32]
 *   ⇒  y = Add(MatMul(x, w), c), w: float[64, 32], c: float[32]
 * y = MatMul(x, W), x: float[N, 64], W: float[1, 64, 32]      ⇒  y = Unsqueeze(MatMul(x, w), {0})
 * Exact: leading axes of one element are what broadcasting adds. Of weights with such axes (1×1 convolutions of TensorFlow,
 * dense layers of other tools) the runtime makes a product for each x of a batch, and no kernel of coded weights takes them.
 * Illegal: axes of several elements, which are products of their own; x of unknown rank, or a vector; for Unsqueeze, opset
 * below 13, where its axes are an attribute.
 * Source: ONNX, MatMul ("behaves like numpy.matmul") and multidirectional broadcasting.
 */
import { fromNumbers, makeNode, type Node, type Tensor, tensorShape } from '../../ir/index.ts'
import { perGraph, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const dropLeadingOnes = rulePass(
  'dropLeadingOnes',
  'Takes leading axes of one element from the weights and biases of matrix products.',
  [
    { roots: ['MatMul'], apply: narrowWeights },
    { roots: ['Add'], apply: narrowBias },
  ],
)

const MATRIX = 2

function narrowWeights(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, opset } = context
  const [x, name] = node.inputs as [string, string]
  const weights = editor.constant(name)
  if (!weights || weights.dims.length <= MATRIX) return false
  if (leadingOnes(weights) < weights.dims.length - MATRIX) return false
  const rank = tensorShape(types.get(x))?.length
  if (rank === undefined) return { refused: `it is not known how many axes "${x}" has` }
  if (rank < MATRIX) return { refused: 'it multiplies a vector' }
  const missing = weights.dims.length - rank
  if (missing > 0 && opset < 13) return { refused: `opset ${opset} has Unsqueeze with axes as an attribute` }
  const inputs = [x, withoutAxes(name, weights, weights.dims.length - MATRIX, context)]
  if (missing <= 0) {
    editor.replace(node, { ...node, inputs })
    return true
  }
  const output = node.outputs[0]!
  const product = editor.freshName(`${output}_matrix`)
  const axes = editor.addConstant(fromNumbers('int64', [missing], [...new Array(missing).keys()]), `${output}_axes`)
  editor.replace(
    node,
    { ...node, inputs, outputs: [product] },
    makeNode('Unsqueeze', [product, axes], [output], { name: `${output}_unsqueezed` }),
  )
  return true
}

function narrowBias(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const place = node.inputs.findIndex((name) => editor.constant(name))
  const name = node.inputs[place]
  const other = node.inputs[1 - place]
  if (name === undefined || other === undefined) return false
  if (!editor.producer(other, 'MatMul')) return false
  const bias = editor.constant(name)!
  const dropped = Math.min(leadingOnes(bias), bias.dims.length - 1)
  const rank = tensorShape(types.get(other))?.length
  // An axis that only the bias has is the sum's.
  if (dropped <= 0 || rank === undefined || bias.dims.length > rank) return false
  const narrow = withoutAxes(name, bias, dropped, context)
  editor.replace(node, { ...node, inputs: node.inputs.map((input, i) => (i === place ? narrow : input)) })
  return true
}

function leadingOnes({ dims }: Tensor): number {
  const first = dims.findIndex((dim) => dim !== 1)
  return first === -1 ? dims.length : first
}

/** By graph: the narrow constant of each that several nodes read. */
const narrowOnes = perGraph(() => new Map<string, string>())

function withoutAxes(name: string, tensor: Tensor, axes: number, { editor }: RuleContext): string {
  const made = narrowOnes(editor)
  const key = `${axes} ${name}`
  const narrow = made.get(key) ?? editor.addConstant({ ...tensor, dims: tensor.dims.slice(axes) }, name)
  made.set(key, narrow)
  return narrow
}
