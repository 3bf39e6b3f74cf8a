import { elementType, INTEGER_RANGES, intAttribute, isFloating, toNumbers } from '../../ir/index.ts'
import { convGradient } from './convolutions.ts'
import { productGradient } from './products.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

/** Rounding as the identity, or, where the true gradient is asked for, as the constant that it is nearly everywhere. */
const rounding: GradientRule = (call) => (call.straightThrough && call.wants(0) ? [gradientOf(call)] : [])

/** The gradient in the type of what was cast; none through integers. */
const castBack: GradientRule = (call) => {
  const { node, write } = call
  const [x, y] = [node.inputs[0]!, node.outputs[0]!]
  if (!call.wants(0) || !isFloating(write.storedType(y))) return []
  const g = gradientOf(call)
  return [write.dtype(x) === write.dtype(y) ? g : write.op('Cast', [g], { to: elementType(write.dtype(x)) })]
}

/**
 * Integers between floats. The gradient by a code is a float: what the loss would gain if the code grew by one. With
 * the straight-through estimate (Bengio et al. 2013) rounding is the identity and only the cut at the ends of the
 * range is felt; with learned scales that is LSQ (Esser et al. 2020).
 */
export const quantizations = {
  Round: rounding,
  Floor: rounding,
  Ceil: rounding,
  Cast: castBack,
  CastLike: castBack,
  /** code = cut(round(x/s) + z): ∂x = G/s inside the range; ∂s = −Σ G·x/s² inside it. */
  QuantizeLinear: ((call) => {
    if (!call.straightThrough) return []
    const { node, write } = call
    const [x, y] = [node.inputs[0]!, node.outputs[0]!]
    const [low, high] = INTEGER_RANGES[write.storedType(y)] ?? []
    if (low === undefined || high === undefined) throw new Refused(`it rounds to ${write.storedType(y)}`)
    const { scale, zero } = parameters(call)
    const bound = (code: number) => {
      const from = write.number(code, x)
      return write.mul(zero ? write.sub(from, zero) : from, scale)
    }
    const inside = write.op('And', [
      write.op('Greater', [x, bound(low - 0.5)]),
      write.op('Less', [x, bound(high + 0.5)]),
    ])
    const g = write.where(inside, write.div(gradientOf(call), scale), x)
    const byScale = () => write.neg(write.div(write.mul(g, x), scale))
    return [call.wants(0) ? g : undefined, call.wants(1) ? toScale(call, byScale()) : undefined]
  }) satisfies GradientRule,
  /** y = (code − z)·s: ∂code = G·s; ∂s = Σ G·(code − z). */
  DequantizeLinear: ((call) => {
    const { node, write } = call
    const g = gradientOf(call)
    const { scale, zero } = parameters(call)
    const code = write.floating(node.inputs[0]!)
    const byScale = () => write.mul(g, zero ? write.sub(code, zero) : code)
    return [call.wants(0) ? write.mul(g, scale) : undefined, call.wants(1) ? toScale(call, byScale()) : undefined]
  }) satisfies GradientRule,
  /** Its range covers every element, so nothing is cut; scale and zero point count as constants. */
  DynamicQuantizeLinear: ((call) => {
    const [g] = call.gradients
    if (!call.straightThrough || g === undefined) return []
    return [call.write.div(g, call.node.outputs[1]!)]
  }) satisfies GradientRule,
  /** (A − a)·(B − b) in integers. */
  MatMulInteger: ((call) => {
    const [a, b] = [0, 1].map((i) => lessZero(call, i, i + 2))
    return productGradient(call, a!, b!)
  }) satisfies GradientRule,
  ConvInteger: ((call) => {
    const [x, w] = [0, 1].map((i) => lessZero(call, i, i + 2))
    return convGradient(call, x!, w!)
  }) satisfies GradientRule,
  /** In inference, the identity. */
  Dropout: ((call) => {
    const mode = call.node.inputs[2] ?? ''
    const drops = mode === '' ? false : call.write.constant(mode)
    if (drops === undefined || (drops && toNumbers(drops)[0] !== 0)) throw new Refused('it drops elements at random')
    return [gradientOf(call)]
  }) satisfies GradientRule,
}

/** Scale and zero point in a shape that broadcasts over the values; the zero point as a float. */
function parameters({ node, write }: GradientCall): { scale: string; zero: string | undefined } {
  const [x, scale, zero = ''] = node.inputs as [string, string, string?]
  if (intAttribute(node, 'block_size', 0) !== 0) throw new Refused('its scales are by block')
  const shape = write.shape(scale)
  const rank = write.rank(x)
  const axis = intAttribute(node, 'axis', 1)
  const place = axis < 0 ? axis + rank : axis
  const wide = (value: string) =>
    shape?.length === 1 && shape[0] !== 1
      ? write.reshape(
          value,
          Array.from({ length: rank - place }, (_, i) => (i === 0 ? -1 : 1)),
        )
      : shape?.length === 1
        ? write.reshape(value, [])
        : value
  return {
    scale: wide(scale),
    zero: zero === '' ? undefined : wide(write.op('Cast', [zero], { to: elementType(write.dtype(scale)) })),
  }
}

/** The gradient by a scale from the one at every element. */
function toScale({ node, write }: GradientCall, g: string): string {
  const [x, scale] = node.inputs as [string, string]
  const shape = write.shape(scale)
  const rank = write.rank(x)
  const every = Array.from({ length: rank }, (_, axis) => axis)
  if (shape?.length !== 1 || shape[0] === 1) return write.reshapeLike(write.reduceSum(g, every, false), scale)
  const axis = (intAttribute(node, 'axis', 1) + rank) % rank
  return write.reduceSum(
    g,
    every.filter((each) => each !== axis),
    false,
  )
}

/** An integer operand as floats, its zero point taken off. */
function lessZero({ node, write }: GradientCall, operand: number, zeroPoint: number): string {
  const value = write.floating(node.inputs[operand]!)
  const zero = node.inputs[zeroPoint] ?? ''
  if (zero === '') return value
  if (operand === 0 && write.rank(zero) > 0) throw new Refused('it has a zero point for every row')
  return write.sub(value, write.floating(zero))
}
