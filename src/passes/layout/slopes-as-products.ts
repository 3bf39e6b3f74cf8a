/*
 * y = PRelu(x, s)   ⇒   y = Add(Mul(x, s), Mul(Relu(x), 1 − s))          with a slope a channel
 * The runtime's PRelu goes number by number and in plain order. Products with a constant a channel and sums it makes in
 * blocks of channels between convolutions, as convolutions of one tap, and fast elsewhere (a recogniser of faces with
 * eleven of them, 96×96: 1.97 ms, then 0.81).
 * Illegal: slopes that are not constant; other types than float32. Left alone where there is little to compute.
 * Source: s·x + (1 − s)·max(x, 0) is x where x ≥ 0, and s·x elsewhere.
 */
import { inferTypes, type Node, tensorOf, tensorValues } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { isSmall } from './small-values.ts'

export const slopesAsProducts = rulePass(
  'slopesAsProducts',
  'A PRelu of a slope a channel becomes products and a sum, which are faster.',
  [{ roots: ['PRelu'], apply }],
  inferTypes,
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const [input, slopeName] = node.inputs as [string, string]
  const output = node.outputs[0]!
  const slopes = constant(slopeName)
  if (slopes?.dtype !== 'float32' || isSmall(output, context)) return false
  const rest = Float32Array.from(tensorValues(slopes) as Float32Array, (slope) => 1 - slope)
  const { values, make } = piecesOf(output, editor, node)
  const [above, sloped, raised] = values('above', 'sloped', 'raised')
  const others = editor.addConstant(tensorOf('float32', slopes.dims, rest), `${slopeName}_rest`)
  editor.replace(
    node,
    make('Relu', [input], above),
    make('Mul', [input, slopeName], sloped),
    make('Mul', [above, others], raised),
    make('Add', [sloped, raised], output),
  )
  return true
}
