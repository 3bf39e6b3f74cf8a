/*
 * y = Mul(Mul(x, Add(Erf(Div(x, √2)), 1)), 0.5)                          ⇒  y = Gelu(x)
 * y = Mul(Mul(x, Add(Tanh(Mul(Add(x, 0.044715·x³), √(2/π))), 1)), 0.5)   ⇒  y = Gelu<approximate = "tanh">(x)
 * with the factors in any order and place. Before opset 20: com.microsoft.Gelu and com.microsoft.FastGelu.
 * Illegal: an inner value is read elsewhere or is an output; other types than float32 (the runtime has no kernel);
 * constants that are another number in float32, as float16 stores them (0.79785, 0.044708): twelve layers of these moved
 * the durations of a speech network by 0.4 % of the largest.
 * Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016); ONNX, Gelu.
 */
import { makeNode, type Node, string } from '../../ir/index.ts'
import {
  any,
  either,
  match,
  op,
  type Pattern,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
  scalar,
} from '../../rewrite/index.ts'
import { dividedBy, isFloat32 } from './activation-patterns.ts'

export const recogniseGelu = rulePass(
  'recogniseGelu',
  'Writes the pieces of a Gaussian error linear unit as the one operator that they are.',
  [{ roots: ['Mul', 'Div'], apply }],
)

const x = any('x')
const half = (inner: Pattern) => dividedBy(inner, 2)
/** x · g / 2 with the half at any of its three places, g = 1 + f. */
const halved = (f: Pattern) => {
  const gate = op('Add', [f, scalar(1)])
  return either(half(op('Mul', [x, gate])), op('Mul', [half(x), gate]), op('Mul', [x, half(gate)]))
}
const exact = halved(op('Erf', [dividedBy(x, Math.SQRT2)]))
const square = op('Mul', [x, x])
const cube = either(op('Pow', [x, scalar(3)]), op('Mul', [square, x]))
const k = scalar(0.044715)
const cubic = either(
  op('Mul', [cube, k]),
  op('Mul', [op('Mul', [x, k]), square]),
  op('Mul', [either(op('Mul', [op('Mul', [x, k]), x]), op('Mul', [square, k])), x]),
)
const c = scalar(Math.sqrt(2 / Math.PI))
const polynomial = either(
  op('Mul', [op('Add', [x, cubic]), c]),
  op('Mul', [op('Mul', [x, c]), op('Add', [op('Mul', [square, k]), scalar(1)])]),
)
const approximate = halved(op('Tanh', [polynomial]))

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const output = node.outputs[0]!
  const erf = match(editor, output, exact)
  return replaceFound(erf ?? match(editor, output, approximate), context, (found) => {
    if (!isFloat32(editor, found)) return { refused: 'Gelu has a kernel for float32 only' }
    const inputs = [found.value('x')]
    if (opset < 20) return [makeNode(erf ? 'Gelu' : 'FastGelu', inputs, [output], { domain: 'com.microsoft' })]
    const attributes = { approximate: string(erf ? 'none' : 'tanh') }
    return [makeNode('Gelu', inputs, [output], { attributes })]
  })
}
