import { type Attribute, fromNumbers, int, intsAttribute, stringAttribute, toNumbers } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import { type GradientCall, type GradientRule, gradientOf } from './rule.ts'

export const resizes = {
  /**
   * Resizing is linear and goes axis by axis: y = R·x with R [out, in]. The columns of R are what the operator makes of
   * the unit vectors, so R is the operator applied to an identity matrix, whatever its mode; ∂x = Rᵀ·G.
   */
  Resize: ((call) => {
    if (!call.wants(0)) return []
    const { node, write } = call
    const x = node.inputs[0]!
    for (const [name, usual] of [
      ['coordinate_transformation_mode', 'half_pixel'],
      ['keep_aspect_ratio_policy', 'stretch'],
    ] as const) {
      const value = stringAttribute(node, name, usual)
      if (value === 'tf_crop_and_resize' || (name === 'keep_aspect_ratio_policy' && value !== usual))
        throw new Refused(`${name} is ${value}`)
    }
    const rank = write.rank(x)
    let g = gradientOf(call)
    for (const { axis, matrix } of matrices(call, rank)) {
      if (axis === rank - 1) g = write.op('MatMul', [g, matrix])
      else if (axis === rank - 2) g = write.op('MatMul', [write.transpose(matrix, [1, 0]), g])
      else {
        const swap = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
        g = write.transpose(write.op('MatMul', [write.transpose(g, swap), matrix]), swap)
      }
    }
    return [g]
  }) satisfies GradientRule,
}

function* matrices({ node, write }: GradientCall, rank: number): Generator<{ axis: number; matrix: string }> {
  const [x, , scales = '', sizes = ''] = node.inputs as [string, string?, string?, string?]
  const y = node.outputs[0]!
  const axes = intsAttribute(node, 'axes', undefined) ?? Array.from({ length: rank }, (_, i) => i)
  const known = scales === '' ? undefined : write.constant(scales)
  const factors = known && toNumbers(known)
  const attributes = Object.fromEntries([...node.attributes].filter(([name]) => name !== 'axes')) as Record<
    string,
    Attribute
  >
  for (const [i, each] of axes.entries()) {
    const axis = each < 0 ? each + rank : each
    const same = write.shape(x)?.[axis] !== null && write.shape(x)?.[axis] === write.shape(y)?.[axis]
    if (factors ? factors[i] === 1 : same) continue
    const unit = identity(write, x, axis)
    const one = write.tensor(fromNumbers('float32', [1], [1]))
    const inputs =
      scales !== ''
        ? [
            unit,
            '',
            write.op('Concat', [one, one, write.op('Gather', [scales, write.ints([i])]), one], { axis: int(0) }),
          ]
        : [
            unit,
            '',
            '',
            write.op(
              'Concat',
              [write.ints([1, 1]), write.op('Gather', [sizes, write.ints([i])]), write.size(x, axis)],
              { axis: int(0) },
            ),
          ]
    const resized = write.op('Resize', inputs, attributes)
    yield { axis, matrix: write.op('Squeeze', [resized, write.ints([0, 1])]) }
  }
}

/** [1, 1, n, n], which every mode of every runtime resizes. */
function identity(write: GradientWriter, x: string, axis: number): string {
  const size = write.size(x, axis)
  const square = write.op('Concat', [size, size], { axis: int(0) })
  const zeros = write.op('Expand', [write.number(0, x), square])
  return write.op('Unsqueeze', [write.op('EyeLike', [zeros]), write.ints([0, 1])])
}
