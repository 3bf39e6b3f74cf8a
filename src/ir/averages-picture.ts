import { intsAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import { toNumbers } from './numbers.ts'
import type { Tensor } from './tensor.ts'

/** The axes, 0 … rank − 1, that a Reduce node of a value of this rank names; none where it names none, or computes them. */
export function reducedPlaces(
  reduce: Node,
  rank: number,
  constant: (name: string) => Tensor | undefined,
): readonly number[] {
  const given = reduce.inputs[1] ? constant(reduce.inputs[1]) : undefined
  const axes = given ? [...toNumbers(given)] : reduce.inputs[1] ? [] : intsAttribute(reduce, 'axes', [])
  return axes.map((axis) => (axis < 0 ? axis + rank : axis))
}

/** Whether a Reduce node of a value of this rank is over all axes behind rows and channels, and no others. */
export function averagesPicture(reduce: Node, rank: number, constant: (name: string) => Tensor | undefined): boolean {
  const axes = reducedPlaces(reduce, rank, constant)
  const places = new Set(axes)
  return places.size === rank - 2 && axes.length === places.size && !places.has(0) && !places.has(1)
}
