import { type Dim, elementCount, fromNumbers, int, intAttribute, intsAttribute, string } from '../../ir/index.ts'
import { expandTo } from './broadcast.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { countAlong } from './reductions.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'
import { putBack, spatial, type Window, windowOf } from './window.ts'

const spatialAxes = (write: GradientWriter, x: string): readonly number[] => spatial(write, x).map((_, i) => i + 2)

export const pools = {
  /** Each gradient goes to the place that was largest, which the node says when it is asked for its indices. */
  MaxPool: ((call) => {
    const { node, write } = call
    if (intAttribute(node, 'storage_order', 0) !== 0) throw new Refused('it counts places in columns')
    const x = node.inputs[0]!
    const g = write.reshape(gradientOf(call), [-1])
    const places = write.reshape(call.output(1), [-1])
    const zeros = write.op('Expand', [
      write.number(0, x),
      write.op('Reshape', [write.op('Size', [x]), write.ints([1])]),
    ])
    return [write.reshapeLike(write.op('ScatterElements', [zeros, places, g], { reduction: string('add') }), x)]
  }) satisfies GradientRule,
  AveragePool: ((call) => {
    const { node, write } = call
    const [x, y] = [node.inputs[0]!, node.outputs[0]!]
    const kernel = intsAttribute(node, 'kernel_shape', [])
    const window = windowOf(write, node, x, kernel)
    const [lengths, places] = [spatial(write, x), spatial(write, y)]
    const share = write.mul(gradientOf(call), sharesOf(call, window, lengths, places))
    const ones = fromNumbers(write.dtype(x), [1, 1, ...kernel], new Float64Array(elementCount(kernel)).fill(1))
    const images = images1(write, share, places, y)
    const made = putBack(write, images, write.tensor(ones), window, 1, { value: x, places })
    return [write.reshapeLike(made, x)]
  }) satisfies GradientRule,
  GlobalAveragePool: ((call) => {
    const { node, write } = call
    const x = node.inputs[0]!
    const count = countAlong(write, x, spatialAxes(write, x))
    return [expandTo(write, write.div(gradientOf(call), count), x)]
  }) satisfies GradientRule,
  /** Ties share. */
  GlobalMaxPool: ((call) => {
    const { node, write } = call
    const [x, y] = [node.inputs[0]!, node.outputs[0]!]
    const equal = write.op('Equal', [
      write.floating(x),
      write.storedType(y) === write.storedType(x) ? y : write.floating(y),
    ])
    const held = write.op('Where', [equal, write.number(1, x), write.number(0, x)])
    const count = write.reduceSum(held, spatialAxes(write, x), true)
    return [write.mul(write.div(gradientOf(call), count), held)]
  }) satisfies GradientRule,
}

/** Every channel as an image of its own. */
function images1(write: GradientWriter, g: string, places: readonly Dim[], y: string): string {
  if (places.every((dim) => typeof dim === 'number')) return write.reshape(g, [-1, 1, ...(places as number[])])
  const tail = write.op('Shape', [y], { start: int(2) })
  return write.op('Reshape', [g, write.op('Concat', [write.ints([-1, 1]), tail], { axis: int(0) })])
}

/**
 * What part of an average each element is: 1/taps, where taps outside the picture do not count unless
 * `count_include_pad` says so, and taps beyond the padded end (`ceil_mode`) never do.
 */
function sharesOf(
  { node, write }: GradientCall,
  window: Window,
  lengths: readonly Dim[],
  places: readonly Dim[],
): string {
  const { kernel, strides, dilations, before, after } = window
  const x = node.inputs[0]!
  const padded = [...before, ...after].some((size) => size > 0)
  const include = intAttribute(node, 'count_include_pad', 0) !== 0
  const ceil = intAttribute(node, 'ceil_mode', 0) !== 0
  if (!ceil && (include || !padded)) return write.number(1 / elementCount(kernel), x)
  if (![...lengths, ...places].every((dim) => typeof dim === 'number'))
    throw new Refused('how many elements it averages follows from sizes that are not known')
  const counts = kernel.map((size, axis) =>
    Array.from({ length: places[axis] as number }, (_, place) => {
      const start = place * strides[axis]! - before[axis]!
      const [low, high] = include
        ? [-before[axis]!, (lengths[axis] as number) + after[axis]!]
        : [0, lengths[axis] as number]
      const taps = Array.from({ length: size }, (_, tap) => start + tap * dilations[axis]!)
      return taps.filter((at) => at >= low && at < high).length
    }),
  )
  const shares = counts.reduce<number[]>((list, axis) => list.flatMap((count) => axis.map((each) => count * each)), [1])
  return write.tensor(
    fromNumbers(
      write.dtype(x),
      [1, 1, ...(places as number[])],
      shares.map((count) => 1 / count),
    ),
  )
}
