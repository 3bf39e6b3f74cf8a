/*
 * c = QuantizeLinear(MaxPool(DequantizeLinear(QuantizeLinear(LeakyRelu(x)))))      x = DequantizeLinear(k)
 *   ⇒  c = QuantizeLinear(LeakyRelu(DequantizeLinear(QuantizeLinear(MaxPool(x)))))
 * A table that rises takes the greatest code to the greatest code, so it can be looked up behind the pool, for a quarter
 * of the codes where the pool is of 2×2: the same bits. The first layers of a small detector, LeakyRelu and MaxPool over
 * 416×416, spend a fifth of their time on it.
 * Illegal: a slope below 0, since such a table does not rise; anything else reads the codes on the way; several outputs
 * of the pool; other codes behind the pool than in front.
 * Source: f(max(a, b)) = max(f(a), f(b)) for any f that never falls.
 */
import { floatAttribute, makeNode, type Node, operatorName } from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { sameScale } from './same-scale.ts'

export const poolBeforeTables = rulePass(
  'poolBeforeTables',
  'Tables of codes are looked up behind a MaxPool, where there are fewer.',
  [{ roots: ['MaxPool'], apply }],
)

function apply(pool: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const reader = editor.producer(pool.inputs[0]!, 'DequantizeLinear')
  const coder = reader && editor.producer(reader.inputs[0]!, 'QuantizeLinear')
  const table = coder && editor.producer(coder.inputs[0]!)
  if (!table || !rises(table) || pool.outputs.length > 1) return false
  const before = editor.producer(table.inputs[0]!, 'DequantizeLinear')
  const behind = editor.soleConsumer(pool.outputs[0]!, 'QuantizeLinear')
  if (!before || !behind) return false
  if ([1, 2].some((slot) => constant(before.inputs[slot] ?? '')?.dims.length !== 0)) return false
  if (!sameScale(coder, reader, context) || !sameScale(coder, behind, context)) return false
  for (const node of [before, table, coder, reader])
    if (!editor.soleConsumer(node.outputs[0]!))
      return { refused: `what ${node.outputs[0]} holds is also read elsewhere` }

  const output = pool.outputs[0]!
  const [pooled, codes, decoded] = ['pooled', 'pooled_codes', 'pooled_decoded'].map((hint) =>
    editor.freshName(`${output}_${hint}`),
  ) as [string, string, string]
  const grid = before.inputs.slice(1)
  const named = (hint: string) => ({ name: editor.freshName(`${pool.name || output}_${hint}`) })
  editor.replace(
    pool,
    { ...pool, inputs: [table.inputs[0]!], outputs: [pooled] },
    makeNode('QuantizeLinear', [pooled, ...grid], [codes], named('codes')),
    makeNode('DequantizeLinear', [codes, ...grid], [decoded], named('decoded')),
    { ...table, inputs: [decoded], outputs: [output] },
  )
  editor.removeUnused(reader)
  return true
}

const rises = (node: Node): boolean =>
  operatorName(node) === 'Sigmoid' || (operatorName(node) === 'LeakyRelu' && floatAttribute(node, 'alpha', 0.01) >= 0)
