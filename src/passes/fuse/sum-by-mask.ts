/*
 * s = ReduceSum<axis 1>(Mul(e, m)), e: float[n, l, d], m: float[n, l, 1]   ⇒   s = MatMul(Transpose(m), e)
 * A mean over the tokens that a mask leaves, as sentence embeddings and bags of looked-up vectors are made: the product
 * was written and read once more. 1,024 vectors of 70 took 0.11 ms, then 0.05; 8 rows of 128 of 384 0.44, then 0.28.
 * Illegal: the product is read elsewhere or is an output; sizes of axis 1 that are not known to be the same.
 * Source: Σₗ mₗ·eₗ is the product of a row with a matrix.
 */
import {
  float32Shape,
  fromNumbers,
  intAttribute,
  ints,
  makeNode,
  type Node,
  namedAxes,
  type Shape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const sumByMask = rulePass('sumByMask', 'Writes a sum of rows that a mask weighs as the product that it is.', [
  { roots: ['ReduceSum'], apply },
])

function apply(sum: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const product = editor.producer(sum.inputs[0]!, 'Mul')
  // Before opset 13 a Squeeze takes its axes in another way; models that are read are brought above it.
  if (!product || opset < 13) return false
  const axes = namedAxes(sum, constant)
  if (axes?.length !== 1 || (axes[0] !== 1 && axes[0] !== -2)) return false
  const shapes = product.inputs.map((name) => floatShape(name, context))
  const mask = shapes.findIndex((shape) => shape?.[2] === 1)
  const rows = shapes[1 - mask]
  if (mask < 0 || !rows || rows[2] === 1) return false
  if (rows[1] === null || rows[1] !== shapes[mask]![1]) return false
  if (editor.soleConsumer(product.outputs[0]!) !== sum)
    return { refused: 'the product in front is also read elsewhere' }
  const output = sum.outputs[0]!
  const keeps = intAttribute(sum, 'keepdims', 1) === 1
  const turned = editor.freshName(`${output}_mask`)
  const kept = keeps ? output : editor.freshName(`${output}_kept`)
  const nodes = [
    makeNode('Transpose', [product.inputs[mask]!], [turned], { attributes: { perm: ints([0, 2, 1]) } }),
    makeNode('MatMul', [turned, product.inputs[1 - mask]!], [kept], { name: sum.name }),
  ]
  if (!keeps) {
    const axis = editor.addConstant(fromNumbers('int64', [1], [1]), `${output}_axis`)
    nodes.push(makeNode('Squeeze', [kept, axis], [output]))
  }
  editor.replace(sum, ...nodes)
  editor.remove(product)
  return true
}

function floatShape(name: string, { types }: RuleContext): Shape | undefined {
  const shape = float32Shape(types.get(name))
  return shape?.length === 3 ? shape : undefined
}
