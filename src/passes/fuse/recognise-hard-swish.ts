/*
 * y = Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)     ⇒  y = HardSwish(x)
 * y = Mul(x, Div(Clip(Add(x, 3), 0, 6), 6))     ⇒  the same; also Mul by 1/6 in either place
 * y = Mul(Mul(x, Clip(Add(x, 3), 0, 6)), k)     ⇒  y = Mul(HardSwish(x), 6k), k about 1/6 in any of these places
 * y = Mul(x, HardSigmoid<1/6, 1/2>(x))          ⇒  the same
 * Before opset 14: y = Mul(x, HardSigmoid<1/6, 1/2>(x)).
 * Illegal: an inner value is read elsewhere or is an output; other types than float32 (the runtime has no kernel).
 * Source: Howard et al., "Searching for MobileNetV3" (2019), section 5.2; ONNX, HardSwish.
 */
import { float, makeNode, type Node } from '../../ir/index.ts'
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
import { behindSixths, clip, hardSigmoidNode, isFloat32, sixth } from './activation-patterns.ts'

export const recogniseHardSwish = rulePass(
  'recogniseHardSwish',
  'Writes the pieces of a hard swish as the one operator that they are.',
  [{ roots: ['Div', 'Mul'], apply }],
)

const x = any('x')
const relu6 = clip(op('Add', [x, scalar(3)]), 6)
const spelled = either(sixth(op('Mul', [x, relu6])), op('Mul', [x, sixth(relu6)]), op('Mul', [sixth(x), relu6]))
const gated = op('Mul', [x, hardSigmoidNode(x)])

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const output = node.outputs[0]!
  const matched = match(editor, output, spelled) ?? (opset >= 14 ? match(editor, output, gated) : undefined)
  return replaceFound(matched, context, (found) => {
    if (!isFloat32(editor, found)) return { refused: 'HardSwish has a kernel for float32 only' }
    const input = found.value('x')
    const [swish, scaling] = behindSixths(editor, found, output)
    if (opset >= 14) return [makeNode('HardSwish', [input], [swish]), ...scaling]
    const gate = editor.freshName(`${output}_gate`)
    const attributes = { alpha: float(1 / 6), beta: float(0.5) }
    return [
      makeNode('HardSigmoid', [input], [gate], { attributes }),
      makeNode('Mul', [input, gate], [swish]),
      ...scaling,
    ]
  })
}
