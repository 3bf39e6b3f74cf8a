import { elementType, int, intAttribute, string } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { elementsOf, type Places, slicesOf } from './places.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

const ADD = { reduction: string('add') }

/** The gradient goes to where each element was taken from; what was taken twice gets both. */
const gatherBack =
  (placesOf: (call: GradientCall) => Places): GradientRule =>
  (call) =>
    call.wants(0) ? [placesOf(call).put(call.write.zerosLike(call.node.inputs[0]!), gradientOf(call), 'add')] : []

export const gathers = {
  Gather: ((call) => {
    if (!call.wants(0)) return []
    const { node, write } = call
    const [x, indices] = node.inputs as [string, string]
    const rank = write.rank(x)
    const axis = (intAttribute(node, 'axis', 0) + rank) % rank
    const k = write.rank(indices)
    const g = gradientOf(call)
    // The axes of the indices become one, so that they lie where the axis was.
    const row = write.op('Reshape', [indices, write.ints([-1])])
    // What gathers takes indices of 32 bits, what scatters does not.
    const places = write.dtype(indices) === 'int64' ? row : write.op('Cast', [row], { to: elementType('int64') })
    if (k === 1) return [scatterAlong(write, g, places, x, axis)]
    const shape = Array.from({ length: rank }, (_, i) => (i === axis ? write.ints([-1]) : write.size(x, i)))
    const flat = write.op('Reshape', [g, write.op('Concat', shape, { axis: int(0) })])
    return [scatterAlong(write, flat, places, x, axis)]
  }) satisfies GradientRule,
  GatherElements: gatherBack(elementsOf),
  GatherND: gatherBack(slicesOf),
  /** The largest elements: each place is taken once. */
  TopK: ((call) => {
    const { node, write } = call
    const axis = { axis: int(intAttribute(node, 'axis', -1)) }
    const zeros = write.zerosLike(node.inputs[0]!)
    return [write.op('ScatterElements', [zeros, call.output(1), gradientOf(call)], axis)]
  }) satisfies GradientRule,
}

/**
 * Zeros as many as `x` has along `axis` (elsewhere as `g`) with slice i of `g` added at place `places[i]`: what gathering
 * along one axis, strided slices and reflected borders have in common.
 */
export function scatterAlong(write: GradientWriter, g: string, places: string, x: string, axis: number): string {
  const rank = write.rank(x)
  const size = write.size(x, axis)
  const order = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)]
  const first = write.transpose(g, order)
  const tail = rank === 1 ? [] : [write.op('Shape', [first], { start: int(1) })]
  const shape = tail.length === 0 ? size : write.op('Concat', [size, ...tail], { axis: int(0) })
  const zeros = write.op('Expand', [write.number(0, x), shape])
  const index = write.op('Unsqueeze', [places, write.ints([-1])])
  const made = write.op('ScatterND', [zeros, index, first], ADD)
  return write.transpose(
    made,
    order.map((_, i) => order.indexOf(i)),
  )
}
