/*
 * x = DequantizeLinear(c)   y = Mul(x, Sigmoid(x))   ⇒   y = com.microsoft.QuickGelu<alpha = 1>(x)
 * Of a SiLU in float the runtime makes one kernel by itself, but not behind codes: there it gives each reader a
 * DequantizeLinear of its own first, and then no longer sees that both read the same.
 * Illegal: the sigmoid is read elsewhere.
 * Source: `QuickGelu(x) = x·σ(alpha·x)`, ONNX Runtime's ContribOperators.
 */
import { float, makeNode, type Node } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'

export const fuseDecodedSilu = rulePass(
  'fuseDecodedSilu',
  'SiLU in float behind integers becomes the one kernel that it is elsewhere.',
  [{ roots: ['Mul'], apply }],
)

function apply(node: Node, { editor }: RuleContext): RuleOutcome {
  for (const [x, gate] of [node.inputs, [...node.inputs].reverse()] as [string, string][]) {
    const sigmoid = editor.producer(gate, 'Sigmoid')
    if (!sigmoid || sigmoid.inputs[0] !== x) continue
    if (!editor.producer(x, 'DequantizeLinear') || isCoded(node, editor)) return false
    if (editor.soleConsumer(gate) !== node) return { refused: 'its sigmoid is read elsewhere, too' }
    editor.remove(sigmoid)
    editor.replace(
      node,
      makeNode('QuickGelu', [x], node.outputs, {
        domain: 'com.microsoft',
        name: node.name,
        attributes: { alpha: float(1) },
      }),
    )
    return true
  }
  return false
}

/** Whether the product is an integer kernel: codes are made of it and nothing else. */
function isCoded(node: Node, editor: RuleContext['editor']): boolean {
  return editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear') !== undefined
}
