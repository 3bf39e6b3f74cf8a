/*
 * y = Conv(Concat<axis = 1>(x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], …), w)
 *   ⇒  y = Conv<strides = [2, 2]>(x, w')        w'[o, c, 2i + dy, 2j + dx] = w[o, pC + c, i, j]
 * for part p at the offsets dy, dx: the "Focus" of YOLOv5 and YOLOX is a strided convolution of twice the kernel.
 * Illegal: height or width are not even numbers; parts of other values, steps or axes; a convolution with strides,
 * dilations, groups or automatic padding; constants that are not known; somebody else reads the concatenation.
 * Source: the sum over p, c, i, j of w[o, pC + c, i, j]·x[c, 2(r + i − t) + dy, …], with the inner indices renamed.
 */
import {
  fromNumbers,
  intAttribute,
  ints,
  intsAttribute,
  isPlainConv,
  makeNode,
  type Node,
  sliceBounds,
  tensorShape,
  tensorValues,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const fuseSpaceToDepth = rulePass(
  'fuseSpaceToDepth',
  'Makes slices of every second pixel in front of a convolution a part of the convolution.',
  [{ roots: ['Conv'], apply }],
)

const FACTOR = 2

/** A slice of every second row and column. */
interface Part {
  readonly from: string
  readonly offset: readonly [row: number, column: number]
}

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  const concat = editor.producer(node.inputs[0]!, 'Concat')
  if (!concat || concat.inputs.length < 2) return false
  const parts = concat.inputs.map((name) => partOf(name, context))
  const [first] = parts
  if (!first || parts.some((part) => part?.from !== first.from)) return false
  const shape = tensorShape(context.types.get(first.from))
  const weight = constant(node.inputs[1]!)
  if (intAttribute(concat, 'axis', 0) !== 1 || weight?.dtype !== 'float32' || weight.dims.length !== 4) return false
  const [outputs, inputs, height, width] = weight.dims as [number, number, number, number]
  const channels = inputs / parts.length
  if (shape?.length !== 4 || shape[1] !== channels)
    return { refused: 'the channels of what is sliced are not known to be those of the weights' }
  if (shape.slice(2).some((dim) => typeof dim !== 'number' || dim % FACTOR !== 0))
    return { refused: 'height or width are not known to be even, so the parts may differ in size' }
  if (!isPlainConv(node))
    return { refused: 'the convolution has strides, dilations, groups or automatic padding of its own' }
  if (editor.soleConsumer(concat.outputs[0]!) !== node) return { refused: 'the parts are also read elsewhere' }

  const values = tensorValues(weight) as Float32Array
  const [tall, wide] = [FACTOR * height, FACTOR * width]
  const spread = new Float32Array(outputs * channels * tall * wide)
  for (let o = 0; o < outputs; o++)
    for (const [p, part] of parts.entries())
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < height; i++)
          for (let j = 0; j < width; j++) {
            const to = ((o * channels + c) * tall + FACTOR * i + part!.offset[0]) * wide + FACTOR * j + part!.offset[1]
            spread[to]! += values[((o * inputs + p * channels + c) * height + i) * width + j]!
          }
  const fused = editor.addConstant(
    fromNumbers('float32', [outputs, channels, tall, wide], spread),
    `${node.inputs[1]}_spread`,
  )
  const pads = intsAttribute(node, 'pads', [0, 0, 0, 0]).map((pad) => FACTOR * pad)
  editor.replace(
    node,
    makeNode('Conv', [first.from, fused, ...node.inputs.slice(2)], node.outputs, {
      name: node.name,
      attributes: { kernel_shape: ints([tall, wide]), strides: ints([FACTOR, FACTOR]), pads: ints(pads) },
    }),
  )
  editor.remove(concat)
  return true
}

/** Every second row and column of a value, by one Slice or two; undefined for anything else. */
function partOf(name: string, context: RuleContext): Part | undefined {
  const offset: [number | null, number | null] = [null, null]
  let value = name
  for (let node = context.editor.producer(value); node?.opType === 'Slice'; node = context.editor.producer(value)) {
    const steps = sliceSteps(node, context)
    if (!steps) break
    for (const { axis, start } of steps) {
      if (offset[axis - 2] !== null) return undefined
      offset[axis - 2] = start
    }
    value = node.inputs[0]!
    if (offset[0] !== null && offset[1] !== null) return { from: value, offset: [offset[0], offset[1]] }
  }
  return undefined
}

/** The axes (2 and 3) that a Slice takes every second place of, to the end, and where it starts. */
function sliceSteps(node: Node, context: RuleContext): readonly { axis: 2 | 3; start: number }[] | undefined {
  const shape = tensorShape(context.types.get(node.inputs[0]!))
  const bounds = sliceBounds(node, context)
  if (!bounds || shape?.length !== 4) return undefined
  const found: { axis: 2 | 3; start: number }[] = []
  for (const { axis: given, start, end, step } of bounds) {
    const axis = given < 0 ? given + 4 : given
    const size = shape[axis]
    const whole = typeof size === 'number' && end >= size
    if ((axis !== 2 && axis !== 3) || step !== FACTOR || !whole || (start !== 0 && start !== 1)) return undefined
    found.push({ axis, start })
  }
  return found
}
