import type { Node } from './model.ts'
import type { Tensor } from './tensor.ts'

/** What a convolution multiplies by, [M, C / groups, k…] or, transposed, [C, M / groups, k…], and adds, [M]. */
export interface FloatOperands {
  readonly weight: Tensor
  readonly bias: Tensor | undefined
}

/** The weights of a convolution, and its bias where it has one; undefined where either is no constant of float32. */
export function floatOperands(conv: Node, constant: (name: string) => Tensor | undefined): FloatOperands | undefined {
  const [weight, bias] = [1, 2].map((slot) => constant(conv.inputs[slot] ?? ''))
  return weight?.dtype === 'float32' && (!conv.inputs[2] || bias?.dtype === 'float32') ? { weight, bias } : undefined
}
