/*
 * y = Div(1, Add(Exp(Neg(x)), 1))            ⇒  y = Sigmoid(x)         also Reciprocal(Add(Exp(Neg(x)), 1))
 * y = Div(x, Add(Exp(Neg(x)), 1))            ⇒  y = Mul(x, Sigmoid(x))
 * y = Mul(x, Div(1, Add(Exp(Neg(x)), 1)))    ⇒  the same
 * SiLU keeps the two-operator form on purpose: the runtime makes its own single kernel (QuickGelu) of exactly that
 * while it loads, and integer kernels exist for the two operators but not for the one.
 * Illegal: an inner value is read elsewhere or is an output.
 * Source: Elfwing et al., "Sigmoid-weighted linear units" (2017): x·σ(x), σ(x) = 1/(1 + e⁻ˣ).
 */
import { makeNode, type Node } from '../../ir/index.ts'
import {
  any,
  either,
  match,
  op,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
  scalar,
} from '../../rewrite/index.ts'

export const recogniseSilu = rulePass(
  'recogniseSilu',
  'Writes a sigmoid that is spelled with an exponential, alone or as the gate of its own input, as the operator.',
  [{ roots: ['Div', 'Reciprocal'], apply }],
)

const x = any('x')
const grown = op('Add', [op('Exp', [op('Neg', [x])]), scalar(1)])
const sigmoid = either(op('Div', [scalar(1), grown]), op('Reciprocal', [grown]))
const silu = op('Div', [x, grown])

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  const alone = match(editor, output, sigmoid)
  return replaceFound(alone ?? match(editor, output, silu), context, (found) => {
    const input = found.value('x')
    if (alone) return [makeNode('Sigmoid', [input], [output])]
    const gate = editor.freshName(`${output}_gate`)
    return [makeNode('Sigmoid', [input], [gate]), makeNode('Mul', [input, gate], [output])]
  })
}
