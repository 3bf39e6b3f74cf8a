/*
 * y = MaxPool<kernel_shape = [a, b]>(x)   ⇒   y = MaxPool<kernel_shape = [1, b]>(MaxPool<kernel_shape = [a, 1]>(x))
 * The greatest of a window is the greatest of the greatest of its columns: a + b places are looked at instead of a·b. The
 * pools of detectors reach over 5×5, 9×9 and 13×13 pixels (96 channels of 12×12 with what is around them: 0.092 ms, then
 * 0.049; in integers 0.077, then 0.033).
 * Illegal: indices are wanted; other ranks than four. Between codes the value in the middle has codes, too, since the
 * runtime pools codes as such only where they stand on both sides. Left alone: windows of less than five on a side.
 * Source: max over a product of sets, one after the other; padding never wins.
 */
import { ints, intsAttribute, type Node } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const splitMaxPool = rulePass(
  'splitMaxPool',
  'The greatest of a large window is looked for in columns, and then among these.',
  [{ roots: ['MaxPool'], apply }],
)

/** From this side on two windows look at less than half of the places. */
const LARGE = 5

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const kernel = intsAttribute(node, 'kernel_shape', [])
  if (kernel.length !== 2 || kernel.some((side) => side < LARGE)) return false
  if (node.outputs.slice(1).some((name) => name !== '')) return { refused: 'it also gives indices' }
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const { values, make } = piecesOf(output, editor)
  const [columns] = values('columns')
  const coder = editor.soleConsumer(output, 'QuantizeLinear')
  const coded = coder && editor.producer(input, 'DequantizeLinear')
  const [between] = coded ? values('between') : [columns]
  const conversions: Node[] = []
  if (coded) {
    const [codes] = values('codes')
    const scale = coder.inputs.slice(1)
    conversions.push(
      make('QuantizeLinear', [columns, ...scale], codes),
      make('DequantizeLinear', [codes, ...scale], between),
    )
  }
  editor.replace(
    node,
    { ...node, ...along(node, 0), name: editor.freshName(`${columns}_MaxPool`), outputs: [columns] },
    ...conversions,
    { ...node, ...along(node, 1), inputs: [between], outputs: [output] },
  )
  return true
}

/** The attributes of a pool, those of the other axis taken away. */
function along(node: Node, axis: 0 | 1): Pick<Node, 'attributes'> {
  const attributes = new Map(node.attributes)
  for (const name of ['kernel_shape', 'strides', 'dilations', 'pads']) {
    const values = intsAttribute(node, name, null)
    if (!values) continue
    const other = name === 'pads' ? 0 : 1
    attributes.set(name, ints(values.map((value, i) => (i % 2 === axis ? value : other))))
  }
  return { attributes }
}
