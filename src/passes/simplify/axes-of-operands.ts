import { type Node, type Shape, sameSize } from '../../ir/index.ts'

/**
 * Along which axis of each input an elementwise operator reads the places of an axis of its output; null for one that
 * lacks the axis or has one place of it, which stands for all. `shapes` are those of the inputs; undefined where one is
 * not known well enough.
 */
export function axesOfOperands(
  node: Node,
  axis: number,
  out: Shape,
  shapes: readonly (Shape | null | undefined)[],
): readonly (number | null)[] | undefined {
  const inputs: (number | null)[] = []
  for (const [i, name] of node.inputs.entries()) {
    const shape = shapes[i]
    if (name !== '' && !shape) return undefined
    const own = axis - out.length + (shape?.length ?? 0)
    const dim = shape?.[own]
    if (dim !== undefined && dim !== 1 && !sameSize(dim, out[axis])) return undefined
    inputs.push(dim === undefined || dim === 1 ? null : own)
  }
  return inputs
}
