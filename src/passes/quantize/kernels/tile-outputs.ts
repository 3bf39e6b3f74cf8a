/*
 * c = QuantizeLinear(Conv(DQ(x₈), DQ(w₈), DQ(b₃₂)))          with up to 32 output channels
 *   ⇒  t = QuantizeLinear(Conv<strides = [a, b]>(DQ(x₈), DQ(w'₈), DQ(b'₃₂)))     c = the tiles of t side by side
 * A convolution that makes a tile of a·b pixels at every a-th row and b-th column: the runtime's kernel makes 16 channels
 * at a time whether or not they are wanted, and here they are pixels. Each place reads a window that is larger by a − 1
 * and b − 1, so that 9 taps of each of 16 pixels are 36 of one place (16 channels to 1, 3×3 at 64×64, on a busy machine:
 * 0.131 ms, 0.038). Where all channels are wanted, fewer places gain, too: the kernel fetches a pointer for each, which
 * takes as long as 18 channels of a block (3×3 at 112×112, 24 to 24: 0.59 ms, 0.53 with two pixels at once; 8 to 16 0.29
 * and 0.22).
 * Tiles of one row are the picture already, channels last, as integer convolutions keep it.
 * Illegal: strides, dilations, groups, automatic padding; sizes that are no multiple of the tile, or not known; weights
 * whose 16-bit sums could saturate only in the new order. Left alone where the tiles save less than laying them costs.
 * Source: y[m, a·h + i, b·w + j] = Σ_c Σ_u Σ_v x[c, a·h + (i + u) − p, b·w + (j + v) − q] · w[m, c, u, v].
 */
import {
  fromNumbers,
  ints,
  intsAttribute,
  isPlainConv,
  type Node,
  pictureSize,
  type Tensor,
  toNumbers,
} from '../../../ir/index.ts'
import { moveRowNs, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { leavesBits } from '../codes/kernel-pairs.ts'
import { recoding } from '../drop-unread.ts'
import { codedOperands } from './coded-weights.ts'
import { BLOCK, inBlocks, placeNs } from './conv-kernel.ts'
import { convolveInTiles } from './lay-tiles.ts'

export const tileOutputs = recoding(
  rulePass('tileOutputs', 'Integer convolutions to at most 32 channels make several pixels at once.', [
    { roots: ['Conv'], apply },
  ]),
)

type Step = readonly [height: number, width: number]

const STEPS = [1, 2, 3, 4, 6, 8] as const
/** More blocks of channels than these are no faster at once. */
const MOST_BLOCKS = 4
/** Tiles must save a twentieth. */
const PAYS = 0.95

/** Nanoseconds of the nodes for cutting off the channels that fill a block, or for laying tiles. */
const NODES_NS = 5000

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, opset } = context
  const coder = editor.soleConsumer(node.outputs[0]!, 'QuantizeLinear')
  if (opset < 13 || !coder) return false
  if (!editor.producer(node.inputs[0]!, 'DequantizeLinear')) return false
  if (context.constant(coder.inputs[1]!)?.dims.length !== 0) return false
  const operands = codedOperands(node, 0, context)
  if (operands?.weight.codes.dims.length !== 4) return false
  const { weight } = operands
  const { outputs } = sizesOf(weight.codes)
  if (!mayTile(node, weight.codes)) return false
  const size = pictureSize(context.types.get(node.outputs[0]!))
  if (!size) return { refused: 'the size of its output is not known' }
  const { step } = bestStep(weight.codes, size)
  if (!step) return { refused: 'making several pixels at once would cost more than it saves' }
  const codes = inTiles(weight.codes, step)
  if (!leavesBits(weight.codes) && leavesBits(codes))
    return { refused: 'its weights keep within 16 bits only in the order that they have' }
  const pads = ints(intsAttribute(node, 'pads', [0, 0, 0, 0]))
  convolveInTiles(node, coder, operands, context, {
    codes,
    outputs,
    step,
    attributes: { pads, strides: ints(step) },
  })
  return true
}

const sizesOf = ({ dims: [outputs, inputs, ...kernel] }: Tensor) => ({ outputs: outputs!, inputs: inputs!, kernel })

function mayTile(node: Node, weight: Tensor): boolean {
  const { outputs, kernel } = sizesOf(weight)
  return 2 * outputs <= MOST_BLOCKS * BLOCK && kernel[0]! * kernel[1]! > 1 && isPlainConv(node)
}

/** What making tiles leaves of the time of an integer convolution that makes a picture of this size; 1: none are made. */
export const tiledShare = (node: Node, weight: Tensor, size: Step): number =>
  weight.dims.length === 4 && mayTile(node, weight) ? bestStep(weight, size).share : 1

/** The tile that takes the least time, and its share of what one pixel at a time takes; null where that is the least. */
function bestStep(weight: Tensor, size: Step): { readonly step: Step | null; readonly share: number } {
  const { outputs, inputs, kernel } = sizesOf(weight)
  const cost = ([rows, columns]: Step) => {
    const places = (size[0] * size[1]) / (rows * columns)
    const window = (kernel[0]! + rows - 1) * (kernel[1]! + columns - 1)
    const channels = outputs * rows * columns
    const cut = inBlocks(channels) ? 0 : NODES_NS
    const laying = rows === 1 ? 0 : NODES_NS + places * rows * moveRowNs(columns * outputs)
    return places * placeNs(window, inputs, channels) + cut + laying
  }
  const plain = cost([1, 1])
  let best: { step: Step | null; ns: number } = { step: null, ns: PAYS * plain - NODES_NS }
  for (const rows of STEPS)
    for (const columns of STEPS) {
      const fits = rows * columns > 1 && rows * columns * outputs <= MOST_BLOCKS * BLOCK
      if (!fits || size[0] % rows !== 0 || size[1] % columns !== 0) continue
      const ns = cost([rows, columns])
      if (ns < best.ns) best = { step: [rows, columns], ns }
    }
  return { step: best.step, share: best.step ? best.ns / plain : 1 }
}

/** The codes [M, C, h, w] as those [places·M, C, h + a − 1, w + b − 1] that make a tile of a·b pixels. */
function inTiles(codes: Tensor, step: Step): Tensor {
  const [outputs, inputs, height, width] = codes.dims as [number, number, number, number]
  const [rows, columns] = [height + step[0] - 1, width + step[1] - 1]
  const values = toNumbers(codes)
  const all = new Float64Array(step[0] * step[1] * outputs * inputs * rows * columns)
  for (let from = 0, m = 0; m < outputs; m++)
    for (let c = 0; c < inputs; c++)
      for (let u = 0; u < height; u++)
        for (let v = 0; v < width; v++, from++)
          for (let i = 0; i < step[0]; i++)
            for (let j = 0; j < step[1]; j++)
              all[((((i * step[1] + j) * outputs + m) * inputs + c) * rows + u + i) * columns + v + j] = values[from]!
  return fromNumbers('int8', [step[0] * step[1] * outputs, inputs, rows, columns], all)
}
