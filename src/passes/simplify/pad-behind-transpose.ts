/*
 * y = Conv(Transpose<perm = q>(Pad(x, p, v)))   ⇒   y = Conv(Pad(Transpose<perm = q>(x), q(p), v))       pools likewise
 * Networks that keep channels last pad before they transpose. Padding that stands next to the convolution becomes a
 * part of it (`mergePads`), and the Transpose meets the one that it cancels against.
 * Illegal: somebody else reads the padded or the transposed value; amounts that are not constant, or given for some
 * axes only.
 * Source: padding and permuting axes commute, the amounts permuted along: begins'[i] = begins[q[i]].
 */
import { intsAttribute, makeNode, type Node, tensorOf, toNumbers } from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const padBehindTranspose = rulePass(
  'padBehindTranspose',
  'Moves padding behind a transpose, next to the convolution or pooling that can do it for free.',
  [{ roots: ['Transpose'], apply }],
)

function apply(node: Node, { editor, constant, opset }: RuleContext): RuleOutcome {
  const pad = editor.producer(node.inputs[0]!, 'Pad')
  const perm = intsAttribute(node, 'perm', null)
  if (opset < 11 || !perm || !pad) return false
  const user = editor.soleConsumer(node.outputs[0]!, 'Conv', 'MaxPool', 'AveragePool')
  if (!user) return false
  if (user.inputs[0] !== node.outputs[0]) return false
  if (editor.soleConsumer(pad.outputs[0]!) !== node) return { refused: 'the padded value is also read elsewhere' }
  const amounts = constant(pad.inputs[1] ?? '')
  if (!amounts || pad.inputs[3] || amounts.dims[0] !== 2 * perm.length)
    return { refused: 'how much it pads is not constant, or told for some axes only' }
  const given = [...toNumbers(amounts)]
  const moved = [0, perm.length].flatMap((from) => perm.map((axis) => BigInt(given[from + axis]!)))
  const pads = editor.addConstant(
    tensorOf('int64', [moved.length], BigInt64Array.from(moved)),
    `${pad.inputs[1]}_moved`,
  )
  const turned = editor.freshName(`${pad.inputs[0]}_transposed`)
  editor.remove(pad)
  editor.replace(
    node,
    { ...node, inputs: [pad.inputs[0]!], outputs: [turned] },
    makeNode('Pad', [turned, pads, ...pad.inputs.slice(2)], node.outputs, {
      name: pad.name,
      attributes: Object.fromEntries(pad.attributes),
    }),
  )
  return true
}
