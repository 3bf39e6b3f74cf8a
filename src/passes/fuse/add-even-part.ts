/*
 * e = Resize(p), p one pixel   c = Concat<axis = 1>(…, e, …)   y = Conv(c, W, b)
 *   ⇒  v = Conv<1×1>(p, W of e, summed over the window, b)   y = Add(Conv(Concat(…), the rest of W), v)
 * What is the same everywhere adds the same everywhere, so it needs no product at each place: the image pooling of a
 * DeepLab grows a pixel of 256 channels to 33×33 and multiplies it there; the network took 8.6 ms, then 8.0. Also Expand.
 * Illegal: the value or the joined one is read elsewhere or is an output; padding, at whose places e is zero; groups;
 * weights that are not constant; channels that are not known. Left alone: few channels, where the sum costs as much.
 * Source: a convolution is linear in its channels, and an even picture comes out even where no window leaves it.
 */
import {
  elementCount,
  fromNumbers,
  intAttribute,
  isPadded,
  makeNode,
  type Node,
  stringAttribute,
  type Tensor,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const addEvenPart = rulePass(
  'addEvenPart',
  'What a convolution makes of channels that are the same everywhere is computed once, and added.',
  [{ roots: ['Conv'], apply }],
)

/** Channels whose products cost more than the sum that takes their place. */
const LEAST_CHANNELS = 64

function apply(conv: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const [input, weightName, bias] = conv.inputs as [string, string, string | undefined]
  const concat = editor.producer(input, 'Concat')
  if (!concat || concat.inputs.length < 2) return false
  if (intAttribute(concat, 'axis', 0) !== 1) return false
  const place = concat.inputs.findIndex((part) => isEven(part, context))
  if (place < 0) return false
  const part = concat.inputs[place]!
  const weight = editor.constant(weightName)
  if (weight?.dtype !== 'float32') return { refused: 'its weights are no constant floats' }
  const channels = concat.inputs.map((name) => tensorShape(context.types.get(name))?.[1])
  if (!channels.every((count) => typeof count === 'number'))
    return { refused: 'channels of what is joined are not known' }
  const from = channels.slice(0, place).reduce((sum, count) => sum + count, 0)
  const count = channels[place]!
  if (count < LEAST_CHANNELS) return false
  if (intAttribute(conv, 'group', 1) !== 1) return { refused: 'its groups read some of the channels each' }
  if (isPadded(conv)) return { refused: 'its padding is zero where the even channels are not' }
  if (editor.soleConsumer(part) !== concat || editor.soleConsumer(input) !== conv)
    return { refused: 'what is joined, or the even part of it, is also read elsewhere' }

  const output = conv.outputs[0]!
  const [joined, rest, even] = ['joined', 'rest', 'even'].map((hint) => editor.freshName(`${output}_${hint}`))
  const others = concat.inputs.filter((_, i) => i !== place)
  const weights = [withoutChannels(weight, from, count), onePixel(weight, from, count)]
  const [restWeight, evenWeight] = weights.map((tensor) => editor.addConstant(tensor, `${weightName}_part`))
  editor.replace(
    conv,
    makeNode('Conv', [editor.producer(part)!.inputs[0]!, evenWeight!, ...(bias ? [bias] : [])], [even!], {
      name: editor.freshName(`${conv.name || output}_even`),
    }),
    ...(others.length > 1 ? [{ ...concat, inputs: others, outputs: [joined!] }] : []),
    { ...conv, inputs: [others.length > 1 ? joined! : others[0]!, restWeight!], outputs: [rest!] },
    makeNode('Add', [rest!, even!], [output], { name: editor.freshName(`${conv.name || output}_Add`) }),
  )
  editor.removeUnused(concat)
  return true
}

/** Whether a value is one pixel of a picture of rank 4, grown. */
function isEven(name: string, context: RuleContext): boolean {
  const maker = context.editor.producer(name, 'Resize', 'Expand')
  if (!maker) return false
  if (stringAttribute(maker, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize') return false
  const [before, after] = [tensorShape(context.types.get(maker.inputs[0]!)), tensorShape(context.types.get(name))]
  if (before?.length !== 4 || after?.length !== 4) return false
  const same = [0, 1].every((axis) => before[axis] !== null && before[axis] === after[axis])
  return same && before[2] === 1 && before[3] === 1
}

/** The weights [M, C, …] without these channels. */
function withoutChannels(weight: Tensor, from: number, count: number): Tensor {
  const [makes, reads, ...kernel] = weight.dims as [number, number, ...number[]]
  const taps = elementCount(kernel)
  const old = toNumbers(weight)
  const kept = new Float64Array(makes * (reads - count) * taps)
  for (let m = 0, to = 0; m < makes; m++)
    for (let c = 0; c < reads; c++) {
      if (c >= from && c < from + count) continue
      kept.set(old.subarray((m * reads + c) * taps, (m * reads + c + 1) * taps), to)
      to += taps
    }
  return fromNumbers('float32', [makes, reads - count, ...kernel], kept)
}

/** The weights of these channels, each summed over its window. */
function onePixel(weight: Tensor, from: number, count: number): Tensor {
  const [makes, reads, ...kernel] = weight.dims as [number, number, ...number[]]
  const taps = elementCount(kernel)
  const old = toNumbers(weight)
  const sums = new Float64Array(makes * count)
  for (let m = 0; m < makes; m++)
    for (let c = 0; c < count; c++)
      for (let tap = 0; tap < taps; tap++) sums[m * count + c]! += old[(m * reads + from + c) * taps + tap]!
  return fromNumbers('float32', [makes, count, ...kernel.map(() => 1)], sums)
}
