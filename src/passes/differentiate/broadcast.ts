import type { Shape } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'

/**
 * The gradient of a value that an operator broadcast: `g`, whose shape is `from`, summed over the axes along which
 * `target` was repeated. This is the only place that knows of broadcasting; rules of elementwise operators give
 * gradients in the shape of the output.
 *
 * Where sizes are symbols that may or may not be 1, the axes are found while the model runs.
 */
export function sumTo(write: GradientWriter, g: string, from: Shape | null, target: string): string {
  const to = write.shape(target)
  if (!from || !to) return sumAtRunTime(write, g, target)
  const lead = from.length - to.length
  const axes: number[] = Array.from({ length: lead }, (_, axis) => axis)
  for (const [i, dim] of to.entries()) {
    const made = from[lead + i]
    if (dim === made && dim !== null) continue
    if (dim === 1) axes.push(lead + i)
    else if (typeof dim !== 'number' && made !== 1) return sumAtRunTime(write, g, target)
  }
  if (axes.length === 0) return g
  if (axes.length === lead) return write.reduceSum(g, axes, false)
  const summed = write.reduceSum(g, axes, true)
  return lead === 0 ? summed : write.reshapeLike(summed, target)
}

/** axes = where the padded shape of the target is 1; summing along an axis of 1 as well changes nothing. */
function sumAtRunTime(write: GradientWriter, g: string, target: string): string {
  const made = write.op('Shape', [g])
  const wanted = write.op('Shape', [target])
  const lead = write.sub(write.op('Shape', [made]), write.op('Shape', [wanted]))
  const ones = write.op('Expand', [write.ints([1]), lead])
  const padded = write.op('Concat', [ones, wanted], { axis: { type: 'int', value: 0n } })
  const repeated = write.op('NonZero', [write.op('Equal', [padded, write.ints([1])])])
  const axes = write.op('Reshape', [repeated, write.ints([-1])])
  const summed = write.op('ReduceSum', [g, axes], {
    keepdims: { type: 'int', value: 1n },
    noop_with_empty_axes: { type: 'int', value: 1n },
  })
  return write.op('Reshape', [summed, wanted])
}

/** `x` repeated to the shape of `target`, which it broadcasts to. */
export function expandTo(write: GradientWriter, x: string, target: string): string {
  return write.op('Expand', [x, write.sizes(target)])
}
