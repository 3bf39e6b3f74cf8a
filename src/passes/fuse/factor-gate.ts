/*
 * y = Add(x, Mul(x, g))     ⇒  y = Mul(x, Add(g, 1))      g: float[N, C, 1, 1]
 * The addition moves from the large value to the small one, as in a squeeze-and-excite block with a residual.
 * Illegal: g is not known to be smaller than x; the product is read elsewhere or is an output; types that are not float.
 * Source: distributivity, x + x·g = x·(1 + g).
 */
import { type Dim, fromNumbers, isFloating, makeNode, type Node, type ValueType } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const factorGate = rulePass(
  'factorGate',
  'Moves the addition of a gated residual from the large value to the small gate.',
  [{ roots: ['Add'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  if (node.inputs.length !== 2) return false
  for (const side of [0, 1]) {
    const product = editor.producer(node.inputs[side]!, 'Mul')
    const x = node.inputs[1 - side]!
    if (!product?.inputs.includes(x)) continue
    const gate = product.inputs[product.inputs[0] === x ? 1 : 0]!
    if (gate === x || editor.constant(gate)) continue
    const { types } = context
    const type = types.get(gate)
    if (type?.kind !== 'tensor' || !isFloating(type.dtype) || !isSmaller(type, types.get(x)))
      return { refused: 'its gate is not known to be smaller than what it gates' }
    if (editor.soleConsumer(product.outputs[0]!) !== node) return { refused: 'the gated value is also read elsewhere' }
    const one = editor.addConstant(fromNumbers(type.dtype, [1], [1]), `${gate}_one`)
    const raised = editor.freshName(`${gate}_raised`)
    editor.replace(
      node,
      makeNode('Add', [gate, one], [raised]),
      makeNode('Mul', [x, raised], [node.outputs[0]!], { name: product.name }),
    )
    editor.remove(product)
    return true
  }
  return false
}

/** Same rank, every axis of 1 or equal, and at least one axis of 1 where x is larger or may be. */
function isSmaller(gate: ValueType, x: ValueType | undefined): boolean {
  if (gate.kind !== 'tensor' || x?.kind !== 'tensor' || !gate.shape || gate.shape.length !== x.shape?.length)
    return false
  const fits = (dim: Dim, i: number) => dim === 1 || (dim !== null && dim === x.shape![i])
  return gate.shape.every(fits) && gate.shape.some((dim, i) => dim === 1 && x.shape![i] !== 1)
}
