/*
 * y = PRelu(x, s)   ⇒   y = Add(Mul(x, s), Relu(Mul(x, 1 − s)))          with a slope a channel, s ≤ 1
 *                       y = Add(Mul(x, s), Mul(Relu(x), 1 − s))          where a slope is above 1
 *                       y = Max(x, Mul(x, s))                            where s ≤ 1 and x was codes before
 * The runtime's PRelu goes number by number and in plain order. Products with a constant a channel and sums it makes in
 * blocks of channels between convolutions, as convolutions of one tap, and fast elsewhere (a recogniser of faces with
 * eleven of them, 96×96: 1.97 ms, then 0.81).
 * A Relu behind the product is a part of that convolution (another one, 112×112: 0.58 ms, then 0.50, both with what the
 * next line tells).
 * The greater of two is one operator instead of three, but has no kernel in blocks; between integers nothing is in
 * blocks (a recogniser in integers, 64×64: 1.66 ms, then 1.50). Where it pays static integers leave no PRelu there.
 * Illegal: slopes that are not constant; other types than float32. Left alone where there is little to compute, unless
 * x lies in blocks between convolutions, which it would have to leave and to return to.
 * Source: s·x + (1 − s)·max(x, 0) is x where x ≥ 0, and s·x elsewhere; so is max(x, s·x) for s ≤ 1, and there
 * (1 − s)·max(x, 0) = max((1 − s)·x, 0).
 */
import { type Node, tensorOf, tensorValues } from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { isBlockedConv } from './blocks.ts'
import { isSmall } from './small-values.ts'

export const slopesAsProducts = blockPass(
  'slopesAsProducts',
  'A PRelu of a slope a channel becomes products and a sum, which are faster.',
  { roots: ['PRelu'], apply },
)

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant } = context
  const [input, slopeName] = node.inputs as [string, string]
  const output = node.outputs[0]!
  const slopes = constant(slopeName)
  if (slopes?.dtype !== 'float32' || (isSmall(output, context) && !isBetweenBlocks(node, context, block))) return false
  const numbers = tensorValues(slopes) as Float32Array
  const steepest = numbers.reduce((most, slope) => Math.max(most, slope), -Infinity)
  const { values, make } = piecesOf(output, editor, node)
  if (editor.producer(input, 'DequantizeLinear') && steepest <= 1) {
    const [sloped] = values('sloped')
    editor.replace(node, make('Mul', [input, slopeName], sloped), make('Max', [input, sloped], output))
    return true
  }
  const rest = numbers.map((slope) => 1 - slope)
  const [inner, sloped, above] = values('inner', 'sloped', 'above')
  const others = editor.addConstant(tensorOf('float32', slopes.dims, rest), `${slopeName}_rest`)
  const [first, second] =
    steepest <= 1
      ? ([make('Mul', [input, others], inner), make('Relu', [inner], above)] as const)
      : ([make('Relu', [input], inner), make('Mul', [inner, others], above)] as const)
  editor.replace(node, first, make('Mul', [input, slopeName], sloped), second, make('Add', [sloped, above], output))
  return true
}

/** Whether a convolution makes the value, and another reads it, in whole blocks of channels. */
function isBetweenBlocks(node: Node, { editor, constant }: RuleContext, block: ChannelBlock): boolean {
  const maker = editor.producer(node.inputs[0]!)
  if (!maker || !isBlockedConv(maker, constant) || constant(maker.inputs[1]!)!.dims[0]! % block !== 0) return false
  const [output] = node.outputs as [string]
  return editor.consumers(output).some((reader) => reader.inputs[0] === output && isBlockedConv(reader, constant))
}
