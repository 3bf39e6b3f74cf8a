/*
 * y = Pow(x, 2)   ⇒   y = Mul(x, x)                     and so for the powers 3, 4, ½, −½, −1 and −2
 * The runtime's Pow goes number by number, even where it knows that it only squares: 307,200 numbers took 0.101 ms, as a
 * product 0.032; their roots 1.28 ms, and 0.11 by Sqrt.
 * Illegal: other types than float32; exponents that are not one constant number. Left alone: a square whose mean is
 * taken, which the runtime may know as a normalization; and where two nodes would do for few numbers.
 * Source: x² = x·x; √x is what Pow rounds to, but for −∞, of which it makes ∞.
 */
import { type Node, tensorDtype, tensorShape } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass, scalarValue } from '../../rewrite/index.ts'
import { isSmall } from './small-values.ts'

export const powersByProducts = rulePass(
  'powersByProducts',
  'A power of two, three or a half is a product or a root, which are faster kernels.',
  [{ roots: ['Pow'], apply }],
)

/** What powers are made of, one behind the other: the square of a value, its product with the first one, and so on. */
const STEPS: ReadonlyMap<number, readonly ('square' | 'times' | 'Sqrt' | 'Reciprocal')[]> = new Map([
  [2, ['square']],
  [3, ['square', 'times']],
  [4, ['square', 'square']],
  [0.5, ['Sqrt']],
  [-0.5, ['Sqrt', 'Reciprocal']],
  [-1, ['Reciprocal']],
  [-2, ['square', 'Reciprocal']],
])

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types, constant } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const exponent = constant(node.inputs[1]!)
  const steps = STEPS.get(scalarValue(exponent) ?? Number.NaN)
  const type = types.get(input)
  if (!steps || tensorDtype(type) !== 'float32') return false
  // An exponent of more axes gives them to the power.
  if (exponent!.dims.length > 0 && exponent!.dims.length > (tensorShape(type)?.length ?? 0)) return false
  if (steps.length > 1 && isSmall(input, context)) return false
  if (editor.consumers(output).some(({ opType }) => opType === 'ReduceMean')) return false
  const { values, make } = piecesOf(output, editor, node)
  let current = input
  const nodes = steps.map((step, i) => {
    const to = i === steps.length - 1 ? output : values('power')[0]!
    const inputs = step === 'square' ? [current, current] : step === 'times' ? [current, input] : [current]
    current = to
    return make(step === 'square' || step === 'times' ? 'Mul' : step, inputs, to)
  })
  editor.replace(node, ...nodes)
  return true
}
