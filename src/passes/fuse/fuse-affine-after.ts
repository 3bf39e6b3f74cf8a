/*
 * y = Mul(Conv(x, W, b), s)            ⇒  y = Conv(x, W·s, b·s)
 * y = Add(Conv(x, W, b), t)            ⇒  y = Conv(x, W, b + t)
 * y = Mul(Add(MatMul(x, W), b), s)     ⇒  y = Add(MatMul(x, W·s), b·s)
 * y = Add(Add(Conv(x, W, b), z), t)    ⇒  y = Add(Conv(x, W, b + t), z)      a bias that a residual sum stands before
 * Also Sub, Div and Neg, ConvTranspose and Gemm; s and t are constants of one element or one per channel.
 * Illegal: the product's result is read by somebody else or is an output; the constant varies along another axis or
 * widens the result; weights or constants are not finite or overflow their type.
 * Source: linearity, A(x)·s + t = (s·A)(x) + (s·b + t).
 */
import { fromNumbers, isFloating, makeNode, type Node, operatorName } from '../../ir/index.ts'
import {
  affineOf,
  composeAffine,
  isAllOnes,
  isAllZeros,
  type RuleContext,
  type RuleOutcome,
  rulePass,
} from '../../rewrite/index.ts'
import { foldAfter, linearOf } from './linear.ts'

export const fuseAffineAfter = rulePass(
  'fuseAffineAfter',
  'Folds scaling and shifting by constants into the weights of the convolution or matrix product before it.',
  [{ roots: ['Add', 'Sub', 'Mul', 'Div', 'Neg'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const side = node.inputs.findIndex((name) => editor.constant(name) === undefined)
  const other = node.inputs[1 - side]
  const scales = node.opType === 'Neg' || (other && isFloating(editor.constant(other)?.dtype ?? 'undefined'))
  if (side < 0 || !scales) return false
  const input = node.inputs[side]!
  const producer = editor.producer(input)
  if (producer?.opType === 'Add') return throughBias(node, producer, context) || throughSum(node, producer, context)
  const linear = linearOf(producer, context)
  if (!linear || 'refused' in linear) return linear ?? false
  const affine = affineOf(node, context.constant, linear.output)
  if (!affine) return { refused: 'its constant is not finite, or not one number per channel' }
  if (!linear.holdsBias && !isAllZeros(affine.shift)) return false
  if (editor.soleConsumer(input) !== node)
    return { refused: `${operatorName(producer!)} before it is also read elsewhere` }
  const fused = foldAfter(linear, affine, node.outputs[0]!, editor)
  if ('refused' in fused) return fused
  editor.replace(node, fused)
  editor.remove(producer!)
  return true
}

/** The bias of a MatMul is an Add of its own: a factor after it goes into both. */
function throughBias(node: Node, add: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const side = add.inputs.findIndex((name) => editor.constant(name) === undefined)
  const product = editor.producer(add.inputs[side] ?? '', 'MatMul')
  if (!product) return false
  const linear = linearOf(product, context)
  if (!linear || 'refused' in linear) return linear ?? false
  const first = affineOf(add, context.constant, linear.output)
  const second = affineOf(node, context.constant, linear.output)
  if (!first || !second) return false
  if (editor.soleConsumer(add.outputs[0]!) !== node || editor.soleConsumer(product.outputs[0]!) !== add)
    return { refused: 'the MatMul or its bias is also read elsewhere' }
  const inner = isAllOnes(second.scale) ? product.outputs[0]! : editor.freshName(product.outputs[0]!)
  const fused = isAllOnes(second.scale)
    ? product
    : foldAfter(linear, { ...second, shift: Float64Array.of(0) }, inner, editor)
  if ('refused' in fused) return fused
  const { shift } = composeAffine(first, second)
  const bias = editor.addConstant(fromNumbers(linear.weight.dtype, [shift.length], shift), add.inputs[1 - side]!)
  const sum = makeNode('Add', [inner, bias], [node.outputs[0]!], { name: add.name })
  editor.replace(node, ...(fused === product ? [] : [fused]), sum)
  editor.remove(add)
  if (fused !== product) editor.remove(product)
  return true
}

/** What is added to a sum can be added to either side of it: a product on one side takes it as its bias. */
function throughSum(node: Node, add: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  for (const [side, input] of add.inputs.entries()) {
    const product = editor.producer(input)
    const linear = linearOf(product, context)
    const other = add.inputs[1 - side]!
    if (!product || !linear || 'refused' in linear || !linear.holdsBias || editor.constant(other)) continue
    const affine = affineOf(node, context.constant, linear.output)
    if (!affine || !isAllOnes(affine.scale) || editor.soleConsumer(input) !== add || input === other) continue
    if (editor.soleConsumer(add.outputs[0]!) !== node) return { refused: 'the sum before it is also read elsewhere' }
    const shifted = editor.freshName(input)
    const fused = foldAfter(linear, affine, shifted, editor)
    if ('refused' in fused) return fused
    const sides = add.inputs.with(side, shifted)
    editor.replace(node, fused, makeNode('Add', sides, [node.outputs[0]!], { name: add.name }))
    editor.remove(add)
    editor.remove(product)
    return true
  }
  return false
}
