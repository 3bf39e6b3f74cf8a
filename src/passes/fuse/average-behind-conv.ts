/*
 * y = Conv<1×1>(AveragePool<stride 1>(x), W, b)   ⇒   y = AveragePool(Conv(x, W, b))                where padding is left out
 *                                                 ⇒   y = Conv<group = M>(Conv(x, W), 1/taps, b)    elsewhere
 * In the branches of an Inception a mean of many channels is made to be reduced to a few. Reduced first, only those are
 * averaged: 192 to 32 channels at 35×35 took 0.35 ms with a convolution on either side, then 0.32; in integers 0.15, then
 * 0.12, and 64 to 32 at 28×28, whose mean leaves padding out, 0.23, then 0.14. A mean that counts padding takes the bias
 * behind it, as a convolution of one channel a group, so that an activation still belongs to a convolution.
 * Illegal: the mean is read elsewhere or is an output; weights or bias that are not constant. Left alone: means that make
 * the picture smaller, fewer than twice as many channels, and broken blocks of them where a convolution is to average.
 * Source: both are linear, one in the channels, the other in the places; a mean without padding keeps a bias as it is.
 */
import {
  elementCount,
  fromNumbers,
  int,
  intAttribute,
  intsAttribute,
  isPadded,
  isPointwise,
  makeNode,
  type Node,
  windowAttributes,
} from '../../ir/index.ts'
import { BLOCK, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const averageBehindConv = rulePass(
  'averageBehindConv',
  'A mean over windows in front of a convolution to fewer channels goes behind it.',
  [{ roots: ['Conv'], apply }],
)

/** Channels that are averaged before, for each one after. */
const LEAST_SAVED = 2

function apply(conv: Node, { editor }: RuleContext): RuleOutcome {
  const [input, weightName, bias] = conv.inputs as [string, string, string | undefined]
  const pool = editor.producer(input, 'AveragePool')
  if (!pool) return false
  const window = intsAttribute(pool, 'kernel_shape', [])
  if (elementCount(window) === 1 || intsAttribute(pool, 'strides', []).some((step) => step !== 1)) return false
  const weight = editor.constant(weightName)
  if (weight?.dtype !== 'float32') return { refused: 'its weights are no constant floats' }
  const [makes, reads] = weight.dims as [number, number]
  if (!isPointwise(conv, weight) || reads < LEAST_SAVED * makes) return false
  if (editor.soleConsumer(input) !== conv) return { refused: 'the mean in front is also read elsewhere' }
  const output = conv.outputs[0]!
  const few = editor.freshName(`${output}_few`)
  const first = { ...conv, inputs: [pool.inputs[0]!, ...conv.inputs.slice(1)], outputs: [few] }
  if (isPadded(pool) && intAttribute(pool, 'count_include_pad', 0) === 0)
    editor.replace(conv, first, { ...pool, inputs: [few], outputs: [output] })
  else {
    if (weight.dims.length !== 4 || makes % BLOCK !== 0) return false
    const taps = elementCount(window)
    const mean = new Float64Array(makes * taps).fill(1 / taps)
    const weights = editor.addConstant(fromNumbers('float32', [makes, 1, ...window], mean), `${output}_mean`)
    editor.replace(
      conv,
      { ...first, inputs: first.inputs.slice(0, 2) },
      makeNode('Conv', [few, weights, ...(bias ? [bias] : [])], [output], {
        name: pool.name,
        attributes: { ...windowAttributes(pool), group: int(makes) },
      }),
    )
  }
  editor.remove(pool)
  return true
}
