/*
 * y = Resize<linear or cubic>(x, , scales = [1, 1, a, b])   ⇒   y = MatMul(A, MatMul(x, B))
 * Each pixel is a weighted sum of a row's pixels, and then of a column's. The runtime interpolates pixel by pixel, while
 * products are its fastest kernels, even where most weights are zeros (21 channels from 33×33 to 257×257, linear: 1.66 ms,
 * then 0.61; one channel from 96×96 to 192×192, cubic: 1.96 ms, then 0.05).
 * Illegal: other types than float32, sizes that are not known, regions, channels that are resized. Left alone where
 * products would cost more, and linear interpolation where the runtime has a faster kernel of its own: whole factors
 * between convolutions, which work in blocks of channels, and codes in front and behind, which lie channels last.
 * Source: ONNX, Resize: interpolation is separable, and linear in the pixels.
 */
import {
  evaluateNode,
  fromNumbers,
  intAttribute,
  type Node,
  pictureSize,
  sameSize,
  stringAttribute,
  tensorDtype,
  tensorOf,
  tensorValues,
  toNumbers,
  transposedMatrix,
} from '../../ir/index.ts'
import { type GraphEditor, piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const resizeByProducts = rulePass(
  'resizeByProducts',
  'Pictures of known size are interpolated by matrix products, where these take less time.',
  [{ roots: ['Resize'], apply }],
)

/** Nanoseconds: an interpolated pixel, one that a product writes, and a multiplication. Products must save a quarter. */
const NS = { linear: 1.2, cubic: 45, written: 0.15, product: 0.01 } as const
const PAYS = 0.75

type Picture = readonly [height: number, width: number]

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const mode = stringAttribute(node, 'mode', 'nearest')
  if (mode !== 'linear' && mode !== 'cubic') return false
  if (node.attributes.has('axes') || intAttribute(node, 'antialias', 0) !== 0) return false
  if (stringAttribute(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize') return false
  const [input, output] = [node.inputs[0]!, node.outputs[0]!]
  const stretched = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') === 'stretch'
  const [before, after] = [picture(input, context), picture(output, context)]
  if (!before || !after || !stretched || (mode === 'linear' && hasKernel(node, before, after, context))) return false
  if (node.inputs[3] && !keepsChannels(node, context)) return false
  if (!pays(before, after, NS[mode])) return false
  const rows = weights(node, 2, [before[0], after[0]], context)
  const columns = weights(node, 3, [before[1], after[1]], context)
  if (!rows || !columns) return false
  const { values, make, floats } = piecesOf(output, editor, node)
  const [across] = values('across')
  editor.replace(
    node,
    make('MatMul', [input, floats([before[1], after[1]], columns, 'columns')], across),
    make(
      'MatMul',
      [floats([after[0], before[0]], transposedMatrix(rows, before[0], after[0]), 'rows'), across],
      output,
    ),
  )
  return true
}

/** Height and width of a float value of four axes. */
function picture(value: string, { types }: RuleContext): Picture | undefined {
  const type = types.get(value)
  return tensorDtype(type) === 'float32' ? pictureSize(type) : undefined
}

function keepsChannels(node: Node, { types }: RuleContext): boolean {
  const [before, after] = [types.get(node.inputs[0]!), types.get(node.outputs[0]!)]
  if (before?.kind !== 'tensor' || after?.kind !== 'tensor') return false
  return [0, 1].every((axis) => sameSize(after.shape?.[axis], before.shape?.[axis]))
}

/** Whether the runtime interpolates this one in blocks of channels, or channels last. */
function hasKernel(node: Node, before: Picture, after: Picture, { editor }: RuleContext): boolean {
  const coded = editor.producer(node.inputs[0]!, 'DequantizeLinear')
  if (coded) return isCoded(node.outputs[0]!, editor)
  return after.every((size, side) => size % before[side]! === 0)
}

/** Whether all that becomes of a value are codes, at most after it is joined with others. */
function isCoded(value: string, editor: GraphEditor): boolean {
  const readers = editor.consumers(value)
  return (
    readers.length > 0 &&
    readers.every(
      ({ opType, outputs }) => opType === 'QuantizeLinear' || (opType === 'Concat' && isCoded(outputs[0]!, editor)),
    )
  )
}

function pays(before: Picture, after: Picture, resized: number): boolean {
  const pixels = after[0] * after[1]
  const products = before[0] * before[1] * after[1] + pixels * before[0]
  return NS.product * products + NS.written * pixels < PAYS * resized * pixels
}

/**
 * What each of `size` pixels in a line adds to each of `grown`, row by row: the line of every unit is resized, along
 * the axis `axis` of the picture's factors.
 */
function weights(
  node: Node,
  axis: number,
  [size, grown]: readonly [number, number],
  { constant, opset }: RuleContext,
): Float32Array | undefined {
  const units = new Float32Array(size * size)
  for (let i = 0; i < size; i++) units[i * size + i] = 1
  const given = node.inputs[3] ? undefined : constant(node.inputs[2] ?? '')
  const factors = given && [...toNumbers(given)].map(Number)
  if (!node.inputs[3] && (factors?.length !== 4 || factors[0] !== 1 || factors[1] !== 1)) return undefined
  const target = factors
    ? fromNumbers('float32', [4], [1, 1, 1, factors[axis]!])
    : fromNumbers('int64', [4], [1, 1, size, grown])
  const lines = tensorOf('float32', [1, 1, size, size], units)
  const inputs = factors ? [lines, undefined, target] : [lines, undefined, undefined, target]
  const [resized] = evaluateNode(node, inputs, { opset }) ?? []
  return resized?.dims[3] === grown ? (tensorValues(resized) as Float32Array) : undefined
}
