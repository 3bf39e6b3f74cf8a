import { int, intAttribute, string } from '../../ir/index.ts'
import type { GradientCall } from './rule.ts'

/** The places of a tensor that a node's indices name; `x` has the shape of that tensor. */
export interface Places {
  /** What stands there. */
  read(x: string): string
  /** `x` with `updates` put there, or combined with what stands there. */
  put(x: string, updates: string, reduction?: 'none' | 'add' | 'mul'): string
}

/** The elements that the second input names, as GatherElements and ScatterElements do. */
export function elementsOf({ node, write }: GradientCall): Places {
  const indices = node.inputs[1]!
  const axis = { axis: int(intAttribute(node, 'axis', 0)) }
  return {
    read: (x) => write.op('GatherElements', [x, indices], axis),
    put: (x, updates, reduction = 'none') =>
      write.op('ScatterElements', [x, indices, updates], { ...axis, reduction: string(reduction) }),
  }
}

/**
 * The elements or slices that the second input names, as GatherND and ScatterND do. ScatterND knows no batch dimensions:
 * with them, each index is led by the place of its own batch.
 */
export function slicesOf(call: GradientCall): Places {
  const { node, write } = call
  const batches = intAttribute(node, 'batch_dims', 0)
  const indices = batches === 0 ? node.inputs[1]! : ledByBatch(call, batches)
  return {
    read: (x) => write.op('GatherND', [x, indices]),
    put: (x, updates, reduction = 'none') =>
      write.op('ScatterND', [x, indices, updates], { reduction: string(reduction) }),
  }
}

/** indices [b₀, …, k]  ⇒  [b₀, …, batches + k] */
function ledByBatch({ node, write }: GradientCall, batches: number): string {
  const indices = node.inputs[1]!
  const rank = write.rank(indices)
  const one = write.ints([1])
  const counted = write.op('Concat', [write.op('Shape', [indices], { end: int(-1) }), one], { axis: int(0) })
  const places = Array.from({ length: batches }, (_, axis) => {
    const length = write.op('Squeeze', [write.size(indices, axis), write.ints([0])])
    const each = write.op('Range', [write.int(0), length, write.int(1)])
    const shape = Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 1))
    return write.op('Expand', [write.reshape(each, shape), counted])
  })
  return write.op('Concat', [...places, indices], { axis: int(-1) })
}
