/*
 * y = PRelu(x, s)   ⇒   y = Add(Mul(x, s), Mul(Relu(x), 1 − s))          with a slope a channel
 *                       y = Max(x, Mul(x, s))                            where s ≤ 1 and x was codes before
 * The runtime's PRelu goes number by number and in plain order. Products with a constant a channel and sums it makes in
 * blocks of channels between convolutions, as convolutions of one tap, and fast elsewhere (a recogniser of faces with
 * eleven of them, 96×96: 1.97 ms, then 0.81).
 * The greater of two is one operator instead of three, but has no kernel in blocks; between integers nothing is in
 * blocks (a recogniser in integers, 64×64: 1.66 ms, then 1.50).
 * Illegal: slopes that are not constant; other types than float32. Left alone where there is little to compute.
 * Source: s·x + (1 − s)·max(x, 0) is x where x ≥ 0, and s·x elsewhere; so is max(x, s·x) for s ≤ 1.
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
  const numbers = tensorValues(slopes) as Float32Array
  const { values, make } = piecesOf(output, editor, node)
  if (editor.producer(input)?.opType === 'DequantizeLinear' && numbers.every((slope) => slope <= 1)) {
    const [sloped] = values('sloped')
    editor.replace(node, make('Mul', [input, slopeName], sloped), make('Max', [input, sloped], output))
    return true
  }
  const rest = numbers.map((slope) => 1 - slope)
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
