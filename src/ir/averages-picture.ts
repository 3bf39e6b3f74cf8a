import { intsAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import { toNumbers } from './numbers.ts'
import type { Tensor } from './tensor.ts'

/** Whether a Reduce node of a value of this rank is over all axes behind rows and channels, and no others. */
export function averagesPicture(reduce: Node, rank: number, constant: (name: string) => Tensor | undefined): boolean {
  const given = reduce.inputs[1] ? constant(reduce.inputs[1]) : undefined
  const axes = given ? [...toNumbers(given)] : intsAttribute(reduce, 'axes', [])
  const places = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
  return places.size === rank - 2 && axes.length === places.size && !places.has(0) && !places.has(1)
}
