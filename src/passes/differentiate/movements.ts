import { int, intAttribute, stringAttribute, toNumbers, transposeOrder } from '../../ir/index.ts'
import { sumTo } from './broadcast.ts'
import { scatterAlong } from './gather.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

/** Operators that put elements elsewhere: the gradient goes the way back. */
const back =
  (way: (call: GradientCall, g: string, x: string) => string): GradientRule =>
  (call) =>
    call.wants(0) ? [way(call, gradientOf(call), call.node.inputs[0]!)] : []

const reshaped = back(({ write }, g, x) => write.reshapeLike(g, x))

export const movements = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: back(({ node, write }, g, x) => {
    const perm = transposeOrder(node, write.rank(x))
    return write.transpose(
      g,
      perm.map((_, axis) => perm.indexOf(axis)),
    )
  }),
  Expand: back(({ node, write }, g, x) => sumTo(write, g, write.shape(node.outputs[0]!), x)),
  /** The repeats become axes of their own and are summed. */
  Tile: back(({ node, write }, g, x) => {
    const repeats = node.inputs[1]!
    const rank = write.rank(x)
    if (rank === 0) return g
    const pairs = write.op('Concat', [column(write, repeats), column(write, write.sizes(x))], { axis: int(1) })
    const split = write.op('Reshape', [g, write.op('Reshape', [pairs, write.ints([-1])])])
    return write.reduceSum(
      split,
      Array.from({ length: rank }, (_, axis) => 2 * axis),
      false,
    )
  }),
  /** Every pair is turned back by the angle that it was turned by. */
  'com.microsoft.RotaryEmbedding': ((call) => {
    const { node, write } = call
    const [, positions = '', cos = '', sin = ''] = node.inputs
    if (call.wants(2) || call.wants(3)) throw new Refused('the factors that it turns by are wanted')
    if (!call.wants(0)) return []
    const attributes = Object.fromEntries(node.attributes)
    return [write.op('com.microsoft.RotaryEmbedding', [gradientOf(call), positions, cos, write.neg(sin)], attributes)]
  }) satisfies GradientRule,
  Concat: ((call) => {
    const { node, write } = call
    const axis = intAttribute(node, 'axis', 0)
    const g = gradientOf(call)
    const lengths = node.inputs.map((input) => write.shape(input)?.at(axis))
    const sizes = lengths.every((length) => typeof length === 'number')
      ? write.ints(lengths)
      : write.op(
          'Concat',
          node.inputs.map((input) => write.size(input, axis)),
          { axis: int(0) },
        )
    if (node.inputs.length === 1) return [g]
    return write.ops('Split', [g, sizes], node.inputs.length, { axis: int(axis) })
  }) satisfies GradientRule,
  Split: ((call) => {
    const { node, write, gradients } = call
    const parts = node.outputs.map((output, i) => {
      if (output === '') throw new Refused('one of its outputs has no name')
      return gradients[i] ?? write.zerosLike(output)
    })
    const axis = { axis: int(intAttribute(node, 'axis', 0)) }
    return [parts.length === 1 ? parts[0] : write.op('Concat', parts, axis)]
  }) satisfies GradientRule,
  Slice: back(sliceBack),
  Pad: back(padBack),
  DepthToSpace: back(depthToSpaceBack),
  SpaceToDepth: back(({ node, write }, g) =>
    write.op('DepthToSpace', [g], { blocksize: int(intAttribute(node, 'blocksize', 1)) }),
  ),
  Trilu: back(({ node, write }, g) =>
    write.op('Trilu', [g, ...node.inputs.slice(1)], { upper: int(intAttribute(node, 'upper', 1)) }),
  ),
}

const column = (write: GradientWriter, x: string) => write.op('Unsqueeze', [x, write.ints([1])])

/** Zeros around the slice; with steps, the gradient is put where each element was taken from. */
function sliceBack({ node, write }: GradientCall, g: string, x: string): string {
  const [, starts, , axesInput = '', stepsInput = ''] = node.inputs as [string, string, string, string?, string?]
  const rank = write.rank(x)
  const start = numbers(write, starts)
  const axes = (axesInput === '' ? start?.map((_, i) => i) : numbers(write, axesInput))?.map((axis) =>
    axis < 0 ? axis + rank : axis,
  )
  const steps = stepsInput === '' ? axes?.map(() => 1) : numbers(write, stepsInput)
  if (!axes || !steps) throw new Refused('its axes or steps are computed')
  if (start && steps.every((step) => step === 1)) {
    const { before, after } = surroundings(write, g, x, axes, start)
    return pad(write, g, before, after)
  }
  let made = g
  for (const axis of axes) {
    // Which places along the axis were taken: the same slice of 0, 1, 2, …
    const places = write.op('Range', [write.int(0), scalar(write, write.size(x, axis)), write.int(1)])
    const one = (list: string, i: number) => write.op('Gather', [list, write.ints([i])])
    const i = axes.indexOf(axis)
    const taken = write.op('Slice', [
      places,
      one(starts, i),
      one(node.inputs[2]!, i),
      write.ints([0]),
      write.ints([steps[i]!]),
    ])
    made = scatterAlong(write, made, taken, x, axis)
  }
  return made
}

/** Sizes before and after a slice on each axis, as int64 vectors. */
function surroundings(
  write: GradientWriter,
  g: string,
  x: string,
  axes: readonly number[],
  start: readonly number[],
): { before: readonly string[]; after: readonly string[] } {
  const rank = write.rank(x)
  const before: string[] = []
  const after: string[] = []
  for (let axis = 0; axis < rank; axis++) {
    const i = axes.indexOf(axis)
    if (i < 0) {
      before.push(write.ints([0]))
      after.push(write.ints([0]))
      continue
    }
    const first = start[i]!
    const dim = write.shape(x)?.[axis]
    const size = write.size(x, axis)
    const fromEnd = () =>
      typeof dim === 'number'
        ? write.ints([Math.max(0, dim + first)])
        : write.op('Max', [write.add(size, write.ints([first])), write.ints([0])])
    const at = first < 0 ? fromEnd() : write.op('Min', [write.ints([first]), size])
    before.push(at)
    const made = write.op('Shape', [g], { start: int(axis), ...(axis + 1 < rank ? { end: int(axis + 1) } : {}) })
    after.push(write.sub(write.sub(size, at), made))
  }
  return { before, after }
}

const pad = (write: GradientWriter, x: string, before: readonly string[], after: readonly string[]): string =>
  write.op('Pad', [x, write.op('Concat', [...before, ...after], { axis: int(0) })])

const scalar = (write: GradientWriter, vector: string) => write.op('Squeeze', [vector, write.ints([0])])

function numbers(write: GradientWriter, value: string): number[] | undefined {
  const tensor = write.constant(value)
  return tensor && [...toNumbers(tensor)]
}

/** A constant border is cut off again; other modes add the border's gradient to where it came from. */
function padBack({ node, write }: GradientCall, g: string, x: string): string {
  const [, pads, , axesInput = ''] = node.inputs as [string, string, string?, string?]
  const mode = stringAttribute(node, 'mode', 'constant')
  if (mode === 'constant') {
    const rest = axesInput === '' ? [] : ['', axesInput]
    return write.op('Pad', [g, write.neg(pads), ...rest])
  }
  const rank = write.rank(x)
  const sizes = numbers(write, pads)
  const axes = axesInput === '' ? Array.from({ length: rank }, (_, i) => i) : numbers(write, axesInput)
  if (!sizes || !axes) throw new Refused(`its pads are computed, and it pads with mode "${mode}"`)
  let made = g
  for (const [i, each] of axes.entries()) {
    const axis = each < 0 ? each + rank : each
    const [before, after] = [sizes[i]!, sizes[i + axes.length]!]
    if (before === 0 && after === 0) continue
    const places = write.op('Range', [write.int(0), scalar(write, write.size(x, axis)), write.int(1)])
    const source = write.op('Pad', [places, write.ints([before, after])], { mode: { type: 'string', value: mode } })
    made = scatterAlong(write, made, source, x, axis)
  }
  return made
}

/** DCR is what SpaceToDepth undoes; CRD keeps the blocks behind the channels. */
function depthToSpaceBack({ node, write }: GradientCall, g: string, x: string): string {
  const block = intAttribute(node, 'blocksize', 1)
  if (stringAttribute(node, 'mode', 'DCR') === 'DCR') return write.op('SpaceToDepth', [g], { blocksize: int(block) })
  const b = write.ints([block])
  const channels = write.op('Div', [write.size(x, 1), write.ints([block * block])])
  const shape = [write.size(x, 0), channels, write.size(x, 2), b, write.size(x, 3), b]
  const split = write.op('Reshape', [g, write.op('Concat', shape, { axis: int(0) })])
  return write.reshapeLike(write.transpose(split, [0, 1, 3, 5, 2, 4]), x)
}
