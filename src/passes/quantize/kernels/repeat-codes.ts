/*
 * d = QuantizeLinear(Resize<nearest>(DequantizeLinear(c), scales = [1, 1, f, f]))          under one scale
 *   ⇒  t = Unsqueeze<axes = [2, 4]>(Transpose<channels last>(c))   r = Expand(t, [1, 1, f, 1, f, 1])
 *      d = Transpose<channels second>(Reshape(r, [1, f, f, 1] · Shape(c)))
 * Integer convolutions keep channels last, and there the runtime repeats pixels one number at a time: 64 channels from
 * 26×26 to 52×52 took 0.156 ms. Expand copies whole pixels; the two Transposes cancel against those of the convolutions.
 * Illegal: other scales or zero points behind than in front, coordinates that do more than repeat pixels.
 * Source: y[n, c, f·h + i, f·w + j] = x[n, c, h, w].
 */
import { ints, type Node, repeatFactor } from '../../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { sameScale } from './same-scale.ts'

export const repeatCodes = rulePass(
  'repeatCodes',
  'Integer pictures that grow by repeating pixels copy whole pixels.',
  [{ roots: ['Resize'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const factor = repeatFactor(node, context.constant)
  const reader = editor.producer(node.inputs[0]!, 'DequantizeLinear')
  const coder = editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')
  if (factor === undefined || !reader || !coder) return false
  if (opset < 13 || !sameScale(reader, coder, context)) return false
  const [codes, output] = [reader.inputs[0]!, coder.outputs[0]!]
  const { values, make, integers } = piecesOf(output, editor)
  const [last, apart, repeated, flat] = values('last', 'apart', 'repeated', 'flat')
  const [shape, sizes, grown] = values('shape', 'sizes', 'grown')
  editor.replace(
    coder,
    make('Transpose', [codes], last, { perm: ints([0, 2, 3, 1]) }),
    make('Unsqueeze', [last, integers([2, 4], 'axes')], apart),
    // Under the name of what it stands for, so that profiles know what that costs.
    { ...make('Expand', [apart, integers([1, 1, factor, 1, factor, 1], 'times')], repeated), name: node.name },
    make('Shape', [codes], shape),
    make('Gather', [shape, integers([0, 2, 3, 1], 'order')], sizes),
    make('Mul', [sizes, integers([1, factor, factor, 1], 'factors')], grown),
    make('Reshape', [repeated, grown], flat),
    make('Transpose', [flat], output, { perm: ints([0, 3, 1, 2]) }),
  )
  editor.remove(node)
  editor.removeUnused(reader)
  return true
}
