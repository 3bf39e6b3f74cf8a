import { int, intAttribute, toNumbers } from '../../ir/index.ts'
import { expandTo } from './broadcast.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

interface Reduced {
  readonly write: GradientWriter
  /** The gradient and the result with the reduced axes kept at 1. */
  readonly g: string
  readonly y: string
  readonly x: string
  readonly axes: readonly number[]
}

/** `local` gives the gradient in x's shape, or in the reduced one (`repeated`), which is then repeated over x. */
const reduction =
  (local: (reduced: Reduced) => string, repeated: boolean): GradientRule =>
  (call) => {
    if (!call.wants(0)) return []
    const { node, write } = call
    const x = node.inputs[0]!
    const axes = axesOf(call)
    if (axes === null) return [gradientOf(call)]
    const kept = intAttribute(node, 'keepdims', 1) !== 0
    const wide = (value: string) =>
      kept || axes.length === 0 ? value : write.op('Unsqueeze', [value, write.ints(axes)])
    const inner = local({ write, g: wide(gradientOf(call)), y: wide(node.outputs[0]!), x, axes })
    return [repeated ? expandTo(write, inner, x) : inner]
  }

/** The reduced axes from the front; null where the node only copies. */
function axesOf({ node, write }: GradientCall): readonly number[] | null {
  const [x, input = ''] = node.inputs as [string, string?]
  const given = input === '' ? undefined : write.constant(input)
  if (input !== '' && !given) throw new Refused('its axes are computed')
  const axes = given ? [...toNumbers(given)] : []
  const rank = write.rank(x)
  if (axes.length > 0) return axes.map((axis) => (axis < 0 ? axis + rank : axis))
  if (intAttribute(node, 'noop_with_empty_axes', 0) !== 0) return null
  return Array.from({ length: rank }, (_, axis) => axis)
}

/** How many elements the axes hold together, as a scalar of x's type. */
export function countAlong(write: GradientWriter, x: string, axes: readonly number[]): string {
  const dims = axes.map((axis) => write.shape(x)?.[axis])
  if (dims.every((dim) => typeof dim === 'number'))
    return write.number(
      dims.reduce<number>((product, dim) => product * dim, 1),
      x,
    )
  const sizes = write.op('Gather', [write.sizes(x), write.ints(axes)])
  return write.op('CastLike', [write.op('ReduceProd', [sizes], { keepdims: int(0) }), x])
}

export const reductions = {
  ReduceSum: reduction(({ g }) => g, true),
  ReduceMean: reduction(({ g, x, axes, write }) => write.div(g, countAlong(write, x, axes)), true),
  ReduceSumSquare: reduction(({ g, x, write }) => write.mul(write.mul(g, write.number(2, x)), x), false),
  ReduceL1: reduction(({ g, x, write }) => write.mul(g, write.op('Sign', [x])), false),
  ReduceL2: reduction(({ g, x, y, write }) => write.mul(write.div(g, y), x), false),
  /** y = ln Σx: eʸ is the sum. */
  ReduceLogSum: reduction(({ g, y, write }) => write.div(g, write.op('Exp', [y])), true),
  ReduceLogSumExp: reduction(({ g, x, y, write }) => write.mul(g, write.op('Exp', [write.sub(x, y)])), false),
  ReduceProd: reduction(productOfOthers, false),
  ReduceMax: reduction(shareOfExtreme, false),
  ReduceMin: reduction(shareOfExtreme, false),
}

/** The product of the other elements, of which one may be 0, or this one. */
function productOfOthers({ g, x, axes, write }: Reduced): string {
  const isZero = write.op('Equal', [x, write.number(0, x)])
  const without = write.op('Where', [isZero, write.number(1, x), x])
  const product = write.op('ReduceProd', [without, write.ints(axes)], { keepdims: int(1) })
  const zeros = write.op('CastLike', [isZero, x])
  const alone = write.op('Equal', [zeros, write.reduceSum(zeros, axes, true)])
  return write.where(alone, write.mul(g, write.div(product, without)), x)
}

/** Ties share. */
function shareOfExtreme({ g, x, y, axes, write }: Reduced): string {
  const held = write.op('Where', [write.op('Equal', [x, y]), write.number(1, x), write.number(0, x)])
  return write.mul(write.div(g, write.reduceSum(held, axes, true)), held)
}
