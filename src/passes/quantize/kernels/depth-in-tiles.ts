/*
 * d = DepthToSpace<blocksize = r>(DequantizeLinear(c))     c = QuantizeLinear(Conv(DQ(x₈), DQ(w₈), DQ(b₃₂)))
 *   ⇒  t = QuantizeLinear(Conv(DQ(x₈), DQ(w'₈), DQ(b'₃₂)))      with the channels of a place of the tile together
 *      c = the tiles of t side by side                          d = DequantizeLinear(c)
 * DepthToSpace moves number by number, and in plain order. Where the convolution makes its channels in the order of the
 * tile, rows of a tile are copied as they lie, channels last, as integer convolutions keep them (128 channels of 32×32 to
 * 32 of 64×64: 0.41 ms with its conversions, 0.05 this way; a network that cleans pictures, as a whole, 1.72 and 1.38).
 * Rows of 1, 2, 4 or 8 bytes have a loop of their own; others of a few bytes are left alone, since a copy takes 7 ns
 * however short it is (2×2 pixels of one channel at 224×224: 0.20 ms, 0.04 this way; 4×4 0.50 and 0.03).
 * Illegal: weights or bias that are not constant codes of their own, codes that are not made by one scale, or that
 * somebody else reads; groups, whose channels cannot change places.
 * Source: ONNX, DepthToSpace: mode DCR reads channel (i·r + j)·C + c for the pixel (i, j) of a tile, CRD c·r² + i·r + j.
 */
import { fromNumbers, intAttribute, type Node, stringAttribute, type Tensor, toNumbers } from '../../../ir/index.ts'
import { moveRowNs, type RuleContext, type RuleOutcome, rulePass } from '../../../rewrite/index.ts'
import { type CodedWeights, codedOperands, dropCoded, recode, recodeAll } from './coded-weights.ts'
import { layTiles } from './lay-tiles.ts'
import { sameScale } from './same-scale.ts'

/** Nanoseconds of a number that DepthToSpace moves, with the conversions that it asks for. */
const NUMBER_NS = 0.5

export const depthInTiles = rulePass(
  'depthInTiles',
  'Integer convolutions whose channels become pixels make them in the order in which they are laid side by side.',
  [{ roots: ['DepthToSpace'], apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const reader = soleMaker(node, 'DequantizeLinear', editor)
  const coder = reader && soleMaker(reader, 'QuantizeLinear', editor)
  const conv = coder && soleMaker(coder, 'Conv', editor)
  if (opset < 13 || !conv || constant(coder.inputs[1]!)?.dims.length !== 0) return false
  if (!editor.producer(conv.inputs[0]!, 'DequantizeLinear')) return false
  const operands = codedOperands(conv, 0, context)
  if (operands?.weight.codes.dims.length !== 4) return false
  const { weight } = operands
  if (intAttribute(conv, 'group', 1) !== 1) return { refused: 'channels of groups cannot change places' }

  const side = intAttribute(node, 'blocksize', 1)
  const all = weight.codes.dims[0]!
  const outputs = all / side ** 2
  const row = side * outputs
  if (moveRowNs(row) > NUMBER_NS * row) return { refused: 'rows of its tiles are too short to be copied faster' }
  const order = orderOf(stringAttribute(node, 'mode', 'DCR') === 'CRD', outputs, side)
  const again = (old: CodedWeights) =>
    recode(
      old,
      { codes: inOrder(old.codes, order), scale: inOrder(old.scale, order), zero: inOrder(old.zero, order) },
      'tiled',
      context,
    )
  const inputs = [conv.inputs[0]!, ...recodeAll(operands, again)]
  const floats = layTiles(node, coder, outputs, [side, side], context)
  editor.replace(conv, { ...conv, inputs, outputs: [floats] })
  dropCoded(operands, context)
  readPicture(node, reader, coder, context)
  return true
}

/** What is left of DepthToSpace and its conversions: the codes are those of the picture already. */
function readPicture(node: Node, reader: Node, coder: Node, context: RuleContext): void {
  const { editor } = context
  const output = node.outputs[0]!
  const next = editor.soleConsumer(output, 'QuantizeLinear')
  const codes = coder.outputs[0]!
  const idle = next && sameScale(next, coder, context) && editor.bypass(next.outputs[0]!, codes)
  if (idle) editor.removeUnused(node)
  else editor.replace(node, { ...reader, outputs: [output] })
  editor.removeUnused(reader)
}

/** The node that makes the first input, where it is one of these and nothing else reads what it makes. */
function soleMaker(node: Node, opType: string, editor: RuleContext['editor']): Node | undefined {
  const input = node.inputs[0]!
  return editor.soleConsumer(input) === node ? editor.producer(input, opType) : undefined
}

/** For each channel in the order of the tile, row by row of it, the one that makes it now. */
function orderOf(depthOutermost: boolean, outputs: number, side: number): readonly number[] {
  const places = side ** 2
  return Array.from({ length: outputs * places }, (_, at) => {
    const [place, channel] = [Math.floor(at / outputs), at % outputs]
    return depthOutermost ? channel * places + place : at
  })
}

function inOrder(tensor: Tensor, order: readonly number[]): Tensor {
  const numbers = toNumbers(tensor)
  const size = numbers.length / order.length
  const moved = new Float64Array(numbers.length)
  for (const [to, from] of order.entries()) moved.set(numbers.subarray(from * size, (from + 1) * size), to * size)
  return fromNumbers(tensor.dtype, tensor.dims, moved)
}
