import { intsAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import { toNumbers } from './numbers.ts'
import type { Tensor } from './tensor.ts'

/**
 * The axes that a Reduce, Squeeze or Unsqueeze names, as it names them: as an attribute in older operator sets, as a
 * constant input since. Undefined where it names none, or computes them.
 */
export function namedAxes(node: Node, constant: (name: string) => Tensor | undefined): readonly number[] | undefined {
  const given = constant(node.inputs[1] ?? '')
  return intsAttribute(node, 'axes', undefined) ?? (given && [...toNumbers(given)])
}

/** The axes, 0 … rank − 1, that a Reduce node of a value of this rank names; none where it names none, or computes them. */
export function reducedPlaces(
  reduce: Node,
  rank: number,
  constant: (name: string) => Tensor | undefined,
): readonly number[] {
  return (namedAxes(reduce, constant) ?? []).map((axis) => (axis < 0 ? axis + rank : axis))
}

/** Whether a Reduce node of a value of this rank is over all axes behind rows and channels, and no others. */
export function averagesPicture(reduce: Node, rank: number, constant: (name: string) => Tensor | undefined): boolean {
  const axes = reducedPlaces(reduce, rank, constant)
  const places = new Set(axes)
  return places.size === rank - 2 && axes.length === places.size && !places.has(0) && !places.has(1)
}
