/*
 * d = QuantizeLinear(AveragePool<k>(DequantizeLinear(c)))
 *   ⇒  d = QuantizeLinear(Conv<k, group = C>(DequantizeLinear(c), 1/taps))
 * The runtime's integer average takes its codes apart into floats, one at a time; as a convolution of one channel a group
 * they are summed as they are: a network of two convolutions with 3×3 over 64
 * channels of 28×28 between them took 0.226 ms, 0.044 so. The sums are whole numbers, so that
 * only their quotient is rounded.
 * Illegal: a window whose count hangs on the place (padding that is left out of the mean, a ceiling for the size);
 * channels that are not known. Left alone: one window over the whole picture, where there is nothing to gain.
 * Source: a mean is a weighted sum with equal weights.
 */
import {
  fromNumbers,
  int,
  intAttribute,
  intsAttribute,
  isPadded,
  makeNode,
  type Node,
  pictureSize,
  tensorOf,
  tensorShape,
  windowAttributes,
} from '../../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'

export const convolveAverages = rulePass(
  'convolveAverages',
  'Integer averages over windows become convolutions of one channel a group.',
  [{ roots: ['AveragePool'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, types } = context
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  if (!editor.producer(input, 'DequantizeLinear')) return false
  if (!editor.soleConsumer(output, 'QuantizeLinear')) return false
  const kernel = intsAttribute(node, 'kernel_shape', [])
  const shape = tensorShape(types.get(input))
  const channels = shape?.length === 4 ? shape[1] : undefined
  const made = pictureSize(types.get(output))
  if (kernel.length !== 2 || made?.every((size) => size === 1)) return false
  if (typeof channels !== 'number') return { refused: 'how many channels it has is not known' }
  const uneven = unevenWindows(node)
  if (uneven) return { refused: uneven }
  const taps = kernel[0]! * kernel[1]!
  const scalars = [tensorOf('float32', [], Float32Array.of(1 / taps)), fromNumbers('int8', [], [0])]
  const codes = fromNumbers('int8', [channels, 1, ...kernel], new Float64Array(channels * taps).fill(1))
  const weights = editor.freshName(`${output}_weights`)
  const [coded, scale, zero] = [codes, ...scalars].map((tensor, i) =>
    editor.addConstant(tensor, `${weights}_${['codes', 'scale', 'zero_point'][i]}`),
  )
  editor.replace(
    node,
    makeNode('DequantizeLinear', [coded!, scale!, zero!], [weights], {
      name: editor.freshName(`${weights}_dequantized`),
    }),
    // Under the name of what it stands for, so that profiles know what that costs.
    makeNode('Conv', [input, weights], [output], {
      name: node.name,
      attributes: { ...windowAttributes(node), group: int(channels) },
    }),
  )
  return true
}

/** Why a window's mean is not the same weighted sum everywhere; undefined where it is. */
export function unevenWindows(node: Node): string | undefined {
  if (intAttribute(node, 'ceil_mode', 0) !== 0) return 'a ceiling for its size makes windows reach beyond the picture'
  return isPadded(node) && intAttribute(node, 'count_include_pad', 0) === 0
    ? 'its padding is left out of the mean, so that windows at the border have fewer taps'
    : undefined
}
