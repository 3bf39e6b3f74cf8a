/*
 * y = LRN<size, alpha, beta, bias>(x)   ⇒   s = Conv(Mul(x, x), [alpha / size, …], bias) along the channels
 *                                           y = Div(x, s^beta)
 * The runtime's LRN raises every number to a power by itself: 192 channels of 55×55 took 11.0 ms, and 1.0 as a
 * convolution over the channels, two square roots, a product and a quotient. In a GoogLeNet the two of them took three
 * quarters of the time that integers left. The power is made of square roots for beta = 1/2, 3/4 and 1, else it is
 * exp(beta · ln s).
 * Illegal: other types than float32, a bias that is not positive, an unknown rank. Left alone: few numbers.
 * Source: ONNX, LRN: y = x / (bias + alpha / size · Σ x²)^beta over channels c − ⌊(size − 1) / 2⌋ to c + ⌈(size − 1) / 2⌉.
 */
import { float32Shape, floatAttribute, intAttribute, ints, type Node } from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { isSmall } from './small-values.ts'

export const lrnByWindow = rulePass(
  'lrnByWindow',
  'A normalization over neighbouring channels is computed from a convolution along them and square roots.',
  [{ roots: ['LRN'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset, types } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const rank = float32Shape(types.get(input))?.length
  if (opset < 13 || rank === undefined || rank < 3 || rank > 4 || isSmall(input, context)) return false
  const size = intAttribute(node, 'size', 0)
  const [alpha, beta, bias] = [
    floatAttribute(node, 'alpha', 1e-4),
    floatAttribute(node, 'beta', 0.75),
    floatAttribute(node, 'bias', 1),
  ]
  if (size < 1 || !(bias > 0) || !(alpha >= 0)) return false
  const { values, make, integers, floats } = piecesOf(output, editor, node)
  const window = [size, ...Array.from({ length: rank - 2 }, () => 1)]
  const before = Math.floor((size - 1) / 2)
  const none = Array.from({ length: rank - 2 }, () => 0)
  const channels = integers([1], 'axis')
  const weights = floats([1, 1, ...window], Array<number>(size).fill(alpha / size), 'window')
  const [squares, apart, sums, sum, power] = values('squares', 'apart', 'sums', 'sum', 'power')
  editor.replace(
    node,
    make('Mul', [input, input], squares),
    make('Unsqueeze', [squares, channels], apart),
    make('Conv', [apart, weights, floats([1], [bias], 'bias')], sums, {
      kernel_shape: ints(window),
      pads: ints([before, ...none, size - 1 - before, ...none]),
    }),
    make('Squeeze', [sums, channels], sum),
    ...raised(sum, power),
    make('Div', [input, beta === 1 ? sum : power], output),
  )
  return true

  function raised(from: string, to: string): readonly Node[] {
    if (beta === 1) return []
    if (beta === 0.5) return [make('Sqrt', [from], to)]
    if (beta === 0.75) {
      const [half, quarter] = values('root', 'fourth_root')
      return [make('Sqrt', [from], half), make('Sqrt', [half], quarter), make('Mul', [half, quarter], to)]
    }
    const [logarithm, scaled] = values('logarithm', 'scaled')
    return [
      make('Log', [from], logarithm),
      make('Mul', [logarithm, floats([], [beta], 'beta')], scaled),
      make('Exp', [scaled], to),
    ]
  }
}
