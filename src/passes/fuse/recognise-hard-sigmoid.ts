/*
 * y = Div(Clip(Add(x, 3), 0, 6), 6)        ⇒  y = HardSigmoid<alpha = 1/6, beta = 1/2>(x)
 * y = Mul(Clip(Add(x, 3), 0, 6), 1/6)      ⇒  the same
 * y = Mul(Clip(Add(x, 3), 0, 6), k)        ⇒  y = Mul(HardSigmoid<alpha = 1/6, beta = 1/2>(x), 6k), k about 1/6
 * y = Clip(Add(Mul(x, a), b), 0, 1)        ⇒  y = HardSigmoid<alpha = a, beta = b>(x)
 * Clip may be spelled Min(Max(…)) or Max(Min(…)).
 * Illegal: an inner value is read elsewhere or is an output; other types than float32 (the runtime has no kernel).
 * Source: ONNX, HardSigmoid: y = max(0, min(1, alpha·x + beta)).
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
  scalarNamed,
  scalarValue,
} from '../../rewrite/index.ts'
import { behindSixths, clip, isFloat32, sixth } from './activation-patterns.ts'

export const recogniseHardSigmoid = rulePass(
  'recogniseHardSigmoid',
  'Writes the pieces of a hard sigmoid as the one operator that they are.',
  [{ roots: ['Div', 'Mul', 'Clip', 'Min', 'Max'], apply }],
)

const sixths = sixth(clip(op('Add', [any('x'), scalar(3)]), 6))
const affine = either(
  op('Add', [op('Mul', [any('x'), scalarNamed('alpha')]), scalarNamed('beta')]),
  op('Add', [op('Div', [any('x'), scalarNamed('divisor')]), scalarNamed('beta')]),
)
const clipped = clip(affine, 1)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  return replaceFound(match(editor, output, either(sixths, clipped)), context, (found) => {
    if (!isFloat32(editor, found)) return { refused: 'HardSigmoid has a kernel for float32 only' }
    const number = (name: string) => {
      const value = found.values.get(name)
      return value === undefined ? undefined : scalarValue(editor.constant(value))
    }
    const divisor = number('divisor')
    const alpha = number('alpha') ?? (divisor === undefined ? 1 / 6 : 1 / divisor)
    const beta = number('beta') ?? 0.5
    const attributes = { alpha: float(alpha), beta: float(beta) }
    const [gate, scaling] = behindSixths(editor, found, output)
    return [makeNode('HardSigmoid', [found.value('x')], [gate], { attributes }), ...scaling]
  })
}
