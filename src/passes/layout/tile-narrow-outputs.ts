/*
 * y = Conv(x, w, b)      with one to eight output channels, and at most an activation behind it
 *   ⇒  t = Conv<strides = [a·r, b·s]>(x, w', b')     y = the tiles of t side by side
 * The runtime's blocked kernel makes 16 channels, with AVX2 8, whether or not they are wanted, and 8 by themselves take half as long as 32. Here they are the a·b pixels of a tile,
 * at every a-th row and b-th column. Each place reads a window that is larger by what a tile is wide, so that 9 taps of
 * each of 16 pixels are 36 of one place (64 channels to 1, 3×3 at 128×128, with a convolution of one tap in front:
 * 2.9 ms, then 1.3; 32 to 3, 9×9: 11.4 ms, then 3.2). The activation stays behind the convolution, which takes it in,
 * and what the runtime then brings out of blocks has its channels last, which costs nothing more.
 * Tiles that reach beyond the picture are cut off.
 * Illegal: dilations, groups, sizes that are not known; other types than float32.
 * Left alone where the tiles save less than laying them costs.
 * Source: y[m, a·h + i, b·w + j] = Σ_c Σ_u Σ_v x[c, a·r·h + (r·i + u) − p, b·s·w + (s·j + v) − q] · w[m, c, u, v].
 */
import {
  floatOperands,
  hasGaps,
  intAttribute,
  ints,
  intsAttribute,
  type Node,
  nodeLabel,
  pictureSize,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../ir/index.ts'
import type { ChannelBlock } from '../../report/index.ts'
import { CONV_ACTIVATIONS, moveRowNs, piecesOf, type RuleContext, type RuleOutcome } from '../../rewrite/index.ts'
import { blockPass } from './block-pass.ts'
import { blockedNs } from './blocked-rates.ts'
import { picturePads } from './picture-pads.ts'
import { replaceConvolution } from './replace-convolution.ts'

export const tileNarrowOutputs = blockPass(
  'tileNarrowOutputs',
  'Float convolutions to a few channels make several pixels at once.',
  { roots: ['Conv'], apply },
)

type Pair = readonly [height: number, width: number]

const STEPS = [1, 2, 3, 4, 5, 6, 8, 12, 16] as const
/** Of more outputs a block of the widest vectors has no room for a second pixel. */
const MOST_OUTPUTS = 8
/** Channels of a tile. */
const MOST_CHANNELS = 64
/**
 * Nanoseconds: a number that leaves its block and has its channels laid apart, beside its row of a tile
 * (`moveAxesInTurn`), by the channels of a block, since the machines differ in this as well (with AVX2 8 channels of
 * 96×96 by twos 0.35 ms, of 64×64 by two rows of two 0.12, 3 of 96×96 by four of two 0.1); and the nodes that lay them
 * all. Tiles must save a tenth.
 */
const NS = { lay: { 8: 3, 16: 0.75 }, nodes: 8000 } as const
const PAYS = 0.9

function apply(node: Node, context: RuleContext, block: ChannelBlock): RuleOutcome {
  const { editor, constant, types } = context
  const operands = floatOperands(node, constant)
  if (operands?.weight.dims.length !== 4) return false
  const { weight, bias } = operands
  const [outputs, inputs, ...kernel] = weight.dims as [number, number, number, number]
  if (outputs > MOST_OUTPUTS || kernel[0] * kernel[1] === 1) return false
  if (intAttribute(node, 'group', 1) !== 1 || hasGaps(node)) return false
  // One that makes tiles already.
  if (!types.has(node.outputs[0]!)) return false
  const strides = intsAttribute(node, 'strides', [1, 1]) as Pair
  const size = pictureSize(types.get(node.outputs[0]!))
  const input = pictureSize(types.get(node.inputs[0]!))
  const pads = size && picturePads(node, input && samePads(input, size, kernel, strides))
  if (!size || !pads) return { refused: 'the size of its picture is not known' }
  const step = bestStep(outputs, inputs, kernel, strides, size, block)
  if (!step) return { refused: 'making several pixels at once would cost more than it saves' }

  const activation = editor.soleConsumer(node.outputs[0]!, ...CONV_ACTIVATIONS)
  const output = (activation ?? node).outputs[0]!
  const { values, make, integers, floats } = piecesOf(output, editor)
  const [tiles, active, last, apart, laid, beyond] = values('tiles', 'active', 'last', 'apart', 'laid', 'beyond')
  const [rows, columns] = step
  // Tiles at the end may reach beyond the picture.
  const whole = size.map((pixels, axis) => Math.ceil(pixels / step[axis]!) * step[axis]!)
  const more = whole.map((pixels, axis) => (pixels - size[axis]!) * strides[axis]!)
  const isWhole = more.every((pixels) => pixels === 0)
  const attributes = new Map(node.attributes)
  attributes.delete('auto_pad')
  attributes.delete('kernel_shape')
  attributes.set('pads', ints(pads.map((pad, i) => pad + (i < 2 ? 0 : more[i - 2]!))))
  attributes.set('strides', ints([strides[0] * rows, strides[1] * columns]))
  const tiled = editor.addConstant(inTiles(weight, step, strides), `${node.inputs[1]}_tiled`)
  const biases = bias && [...(tensorValues(bias) as Float32Array)].flatMap((b) => Array<number>(rows * columns).fill(b))
  const reads = [node.inputs[0]!, tiled, ...(biases ? [floats([biases.length], biases, 'biases')] : [])]
  const made = activation ? active : tiles
  const laying = [
    make('Transpose', [made], last, { perm: ints([0, 2, 3, 1]) }),
    make('Reshape', [last, integers([0, whole[0]! / rows, whole[1]! / columns, outputs, ...step], 'places')], apart),
    make('Transpose', [apart], laid, { perm: ints([0, 3, 1, 4, 2, 5]) }),
    make('Reshape', [laid, integers([0, outputs, ...whole], 'picture')], isWhole ? output : beyond),
    ...(isWhole
      ? []
      : [make('Slice', [beyond, integers([0, 0], 'first'), integers(size, 'size'), integers([2, 3], 'axes')], output)]),
  ]
  // Under the name that profiles know it by.
  const convolve = { ...node, name: nodeLabel(node), inputs: reads, outputs: [tiles], attributes }
  replaceConvolution(node, activation, { convolve, active, laying }, editor)
  return true
}

/** Zeros that SAME padding adds to height and width. */
const samePads = (input: Pair, output: Pair, kernel: readonly number[], strides: Pair) =>
  output.map((size, axis) => Math.max(0, (size - 1) * strides[axis]! + kernel[axis]! - input[axis]!))

/** The tile that takes the least time; null where one pixel at a time does. */
function bestStep(
  outputs: number,
  inputs: number,
  kernel: readonly number[],
  strides: Pair,
  size: Pair,
  block: ChannelBlock,
): Pair | null {
  const ns = (step: Pair) => {
    const taps = kernel.map((taps, axis) => taps + strides[axis]! * (step[axis]! - 1))
    const places = Math.ceil(size[0] / step[0]) * Math.ceil(size[1] / step[1])
    return blockedNs(places * taps[0]! * taps[1]! * inputs, outputs * step[0] * step[1], block)
  }
  const laying = (columns: number) =>
    NS.nodes + size[0] * size[1] * outputs * (NS.lay[block] + moveRowNs(4 * columns) / columns)
  let best: { step: Pair | null; ns: number } = { step: null, ns: PAYS * ns([1, 1]) }
  for (const rows of STEPS)
    for (const columns of STEPS) {
      const fits = rows * columns > 1 && rows * columns * outputs <= MOST_CHANNELS
      if (!fits) continue
      const taken = ns([rows, columns]) + laying(columns)
      if (taken < best.ns) best = { step: [rows, columns], ns: taken }
    }
  return best.step
}

/** Weights [M, C, h, w] as those [M·a·b, C, h + r·(a − 1), w + s·(b − 1)] that make a tile of a·b pixels. */
function inTiles(weight: Tensor, step: Pair, strides: Pair): Tensor {
  const [outputs, inputs, height, width] = weight.dims as [number, number, number, number]
  const [rows, columns] = [height + strides[0] * (step[0] - 1), width + strides[1] * (step[1] - 1)]
  const values = tensorValues(weight) as Float32Array
  const all = new Float32Array(outputs * step[0] * step[1] * inputs * rows * columns)
  for (let m = 0, to = 0; m < outputs; m++)
    for (let i = 0; i < step[0]; i++)
      for (let j = 0; j < step[1]; j++)
        for (let c = 0; c < inputs; c++, to += rows * columns)
          for (let u = 0; u < height; u++) {
            const from = ((m * inputs + c) * height + u) * width
            all.set(values.subarray(from, from + width), to + (strides[0] * i + u) * columns + strides[1] * j)
          }
  return tensorOf('float32', [outputs * step[0] * step[1], inputs, rows, columns], all)
}
