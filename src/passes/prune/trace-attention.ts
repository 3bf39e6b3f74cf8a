import { intAttribute, type Node } from '../../ir/index.ts'
import type { Axis, Rule, TraceContext } from './trace.ts'

/**
 * Heads of attention. The channels that a projection makes are taken apart into heads,
 *
 * [rows, tokens, heads·size]  →  [rows, tokens, heads, size]
 *
 * and put together again behind the attention. A head goes whole: all of its channels in the weights of queries, keys,
 * values and of the projection behind are one (Michel et al. 2019, 1905.10650).
 */

/** A Reshape that touches the last axis alone, or takes it apart, or puts it together; false where it does otherwise. */
export function reshapeLastAxis(node: Node, trace: TraceContext): boolean {
  const before = trace.sizes(node.inputs[0])
  const after = trace.sizes(node.outputs[0])
  const axes = trace.axesOf(node.inputs[0]!)
  if (!before || !after || after.length === 0) return false
  const [last, place] = [axes.at(-1), after.length - 1]
  const size = after[place]!
  const fix = (index: number, atoms: Int32Array) => {
    // A number that is worked out by the operator (0, -1) follows by itself.
    if ((trace.numbers(node.inputs[1])?.[index] ?? 0) > 0) trace.fixes.push({ node, input: 1, index, atoms })
  }
  const nulls = (count: number): Axis[] => Array.from({ length: count }, () => null)
  if (last && axes.slice(0, -1).every((axis) => !axis)) {
    if (size === last.length) {
      fix(place, last)
      trace.set(node.outputs[0], [...nulls(place), last])
      return true
    }
    const parts = suffixOf(after, last.length)
    if (!parts || parts.length < 2) return false
    const [heads, width] = parts.slice(-2) as [number, number]
    const atoms = trace.atoms.fresh(heads)
    for (const [i, atom] of last.entries()) trace.atoms.tie(atoms[Math.floor(i / width) % heads]!, atom)
    fix(place - 1, atoms)
    trace.set(node.outputs[0], [...nulls(place - 1), atoms, null])
    return true
  }
  const [heads, width] = [axes.at(-2), before.at(-1)!]
  if (!heads || last || width < 1 || axes.slice(0, -2).some((axis) => axis) || size !== heads.length * width)
    return false
  const joined = Int32Array.from({ length: size }, (_, i) => heads[Math.floor(i / width)]!)
  fix(place, joined)
  trace.set(node.outputs[0], [...nulls(place), joined])
  return true
}

/** The last sizes whose product this is. */
function suffixOf(sizes: readonly number[], product: number): readonly number[] | null {
  let left = product
  for (let i = sizes.length - 1; i >= 0; i--) {
    const size = sizes[i]!
    if (size < 1 || left % size !== 0) return null
    left /= size
    if (left === 1) return sizes.slice(i)
  }
  return null
}

/** Two computed sides: heads meet heads, and what is summed over meets what it is multiplied with. */
export const computedMatMul: Rule = (node, trace) => {
  const [a, b] = node.inputs as [string, string]
  const [left, right] = [trace.axesOf(a), trace.axesOf(b)]
  const [sizes, others] = [trace.sizes(a), trace.sizes(b)]
  if (!sizes || !others || sizes.length !== others.length || sizes.length < 2)
    return trace.hold(node, 'both sides are computed, with different axes')
  const batch = sizes.length - 2
  if (sizes.slice(0, batch).some((size, axis) => size !== others[axis] && (left[axis] || right[axis])))
    return trace.hold(node, 'one side is repeated over the heads of the other')
  for (let axis = 0; axis < batch; axis++) trace.unite(left[axis], right[axis])
  trace.unite(left[batch + 1], right[batch])
  const out = [...left.slice(0, batch).map((axis, i) => (right[i] ? axis : null)), left[batch], right[batch + 1]]
  const over = [...out, left[batch + 1]].filter((axis): axis is Int32Array => !!axis)
  trace.products.push({ node, over })
  trace.set(
    node.outputs[0],
    out.map((axis) => axis ?? null),
  )
}

/** Over an axis that keeps its places: shares of each head sum to one by themselves. */
export const softmax: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const rank = trace.sizes(node.inputs[0])?.length
  // Before opset 13 the axis meant all axes from there on; only the last one says the same in both.
  const axis = intAttribute(node, 'axis', trace.opset < 13 ? 1 : -1)
  if (rank === undefined || (axis !== -1 && axis !== rank - 1)) return trace.hold(node, 'it is not over the last axis')
  if (axes.at(-1)) return trace.hold(node, 'it is over the channels')
  trace.set(node.outputs[0], axes)
}

/** One place, or some, of an axis that keeps its places. */
export const gather: Rule = (node, trace) => {
  const axes = trace.axesOf(node.inputs[0]!)
  const places = trace.sizes(node.inputs[1])
  const along = (intAttribute(node, 'axis', 0) + axes.length) % axes.length
  // A table that is looked up keeps the channels of its entries.
  if (!places || axes[along]) return trace.hold(node, 'it chooses among channels, or by numbers of unknown rank')
  trace.set(node.outputs[0], [...axes.slice(0, along), ...places.map(() => null), ...axes.slice(along + 1)])
}
