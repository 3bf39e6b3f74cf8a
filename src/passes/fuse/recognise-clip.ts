/*
 * y = Max(x, 0)     ⇒   y = Relu(x)
 * y = Max(x, c)     ⇒   y = Clip(x, c)          c one number
 * y = Min(x, c)     ⇒   y = Clip(x, , c)
 * TensorFlow's `maximum` and `minimum` arrive so. A convolution takes a Relu or Clip in, limits that follow each other
 * become one, and in integers they are where codes end; Max and Min have no such form anywhere.
 * Illegal: c has more axes than x is known to have, since the result then has them, too.
 * Left alone: what `clipByComparison` wrote behind an integer product; other types than float32.
 * Source: ONNX, Clip: min(max(x, lo), hi).
 */
import { float, makeNode, type Node, tensorOf, tensorShape } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'

export const recogniseClip = rulePass(
  'recogniseClip',
  'Writes the greater or the less of a value and a number as the Relu or Clip that it is.',
  [{ roots: ['Max', 'Min'], apply }],
)

function apply(node: Node, { editor, constant, opset, types }: RuleContext): RuleOutcome {
  const [left, right] = node.inputs as [string, string?]
  if (node.inputs.length !== 2 || right === undefined || opset < 8) return false
  const [value, limit] = constant(left) ? [right, left] : [left, right]
  const tensor = constant(limit)
  const bound = scalarValue(tensor)
  if (tensor?.dtype !== 'float32' || bound === undefined || Number.isNaN(bound) || constant(value)) return false
  const maker = editor.producer(value)
  if (maker?.inputs.some((name) => editor.producer(name, 'DequantizeLinear'))) return false
  const rank = tensorShape(types.get(value))?.length ?? 0
  if (tensor.dims.length > rank) return { refused: 'the number has more axes than the value is known to have' }
  const { name } = node
  const lower = node.opType === 'Max'
  if (lower && bound === 0) {
    editor.replace(node, makeNode('Relu', [value], node.outputs, { name }))
    return true
  }
  if (opset < 11) {
    const attributes = { [lower ? 'min' : 'max']: float(bound) }
    editor.replace(node, makeNode('Clip', [value], node.outputs, { name, attributes }))
    return true
  }
  const number = editor.addConstant(tensorOf('float32', [], [bound]), `${node.outputs[0]}_${lower ? 'min' : 'max'}`)
  editor.replace(node, makeNode('Clip', lower ? [value, number] : [value, '', number], node.outputs, { name }))
  return true
}
