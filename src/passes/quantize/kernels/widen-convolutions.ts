/*
 * c = QuantizeLinear(Conv(x, DQ(w₈), DQ(b₃₂)))
 *   ⇒  c' = QuantizeLinear(Conv(x, DQ([w₈; 0]), DQ([b₃₂; 0])))   c = Slice<channels 0 to C>(c')
 * The runtime's integer convolution reads pixels where they lie only where it makes a block of 16 channels or more, in
 * fours; else it copies every patch first. Nine channels of a 3×3 convolution over 32 took 3.7 ms that way, sixteen take 1.4.
 * Codes of four bits, which stand behind a Cast to int8, are filled up in front of it.
 * Illegal: weights that somebody else reads, groups, codes that are not made by one scale. Left alone where the block
 * saves less than the Slice costs, or the size is not known.
 * Source: measured on onnxruntime 1.30; `MlasConvSymPackWSize` asks for whole blocks.
 */
import {
  elementCount,
  fromNumbers,
  intAttribute,
  makeNode,
  type Node,
  pictureSize,
  type Tensor,
  tensorValues,
  toNumbers,
} from '../../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { recoding } from '../drop-unread.ts'
import { type CodedWeights, codedOperands, dropCoded, recode, recodeAll } from './coded-weights.ts'
import { blocked, inBlocks } from './conv-kernel.ts'

export const widenConvolutions = recoding(
  rulePass('widenConvolutions', 'Integer convolutions of broken blocks of channels get whole ones.', [
    { roots: ['Conv'], apply },
  ]),
)

/** Patch elements that are copied without need; at about 0.05 ns each, a Slice costs as much as this many. */
const WORTH_IT = 60_000

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const coder = editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')
  if (!coder || intAttribute(node, 'group', 1) !== 1) return false
  const operands = codedOperands(node, 0, context, ['int8', 'int4'])
  if (operands?.weight.codes.dims.length !== 4) return false
  const { weight } = operands
  const [channels, inputs, height, width] = weight.codes.dims as [number, number, number, number]
  if (height * width === 1 || inBlocks(channels)) return false
  if (editor.constant(coder.inputs[1]!)?.dims.length !== 0) return false
  const size = pictureSize(context.types.get(node.outputs[0]!))
  if (!size) return { refused: 'the size of its output is not known' }
  if (size[0] * size[1] * inputs * height * width < WORTH_IT)
    return { refused: 'it is too small for whole blocks of channels to save time' }
  if (editor.soleConsumer(node.inputs[1]!) !== node) return { refused: 'its weights are read elsewhere, too' }

  const wide = blocked(channels)
  const name = node.outputs[0]!
  const reads = [node.inputs[0]!, ...recodeAll(operands, (old) => widened(old, wide, context))]
  const { values, integers } = piecesOf(name, editor)
  const [floats] = values('wide')
  const codes = editor.freshName(`${coder.outputs[0]}_wide`)
  const bounds = [integers([0], 'start'), integers([channels], 'end'), integers([1], 'axis')]
  editor.replace(
    coder,
    { ...coder, inputs: [floats, ...coder.inputs.slice(1)], outputs: [codes] },
    makeNode('Slice', [codes, ...bounds], coder.outputs, { name: editor.freshName(`${name}_Slice`) }),
  )
  editor.replace(node, { ...node, inputs: reads, outputs: [floats] })
  dropCoded(operands, context)
  return true
}

/** The same codes with channels of zeros behind them, dequantized; returns the name of the float. */
function widened(coded: CodedWeights, channels: number, context: RuleContext): string {
  const grow = (tensor: Tensor, dims: readonly number[], filler: number) => {
    const all = new Float64Array(elementCount(dims)).fill(filler)
    all.set(toNumbers(tensor))
    return fromNumbers(tensor.dtype, dims, all)
  }
  const { codes, scale, zero } = coded
  // The runtime asks of every channel that its bias has the scales of its input and its weight, multiplied.
  const some = (tensorValues(scale) as Float32Array)[0]!
  const grown = {
    codes: grow(codes, [channels, ...codes.dims.slice(1)], 0),
    scale: grow(scale, [channels], some),
    zero: grow(zero, [channels], 0),
  }
  return recode(coded, grown, 'wide', context)
}
