import { type Node, type Shape, type Tensor, tensorValues } from '../../../ir/index.ts'

/** What must be known of a PRelu: constants, and shapes where anybody knows them. */
interface SlopeFacts {
  constant(value: string): Tensor | undefined
  shape?(value: string): Shape | null | undefined
}

/** Slopes of a PRelu, one for each channel of axis 1, and how many axes lie behind it. */
export interface ChannelSlopes {
  readonly values: Float32Array
  readonly behind: number
}

/** The slopes of a PRelu whose channels lie on axis 1, or why they are no such. */
export function channelSlopes(node: Node, facts: SlopeFacts): ChannelSlopes | string {
  const slopes = facts.constant(node.inputs[1]!)
  if (!slopes) return 'its slopes are not constant'
  if (slopes.dtype !== 'float32') return `its slopes are ${slopes.dtype}`
  const from = slopes.dims.findIndex((dim) => dim !== 1)
  const dims = from < 0 ? [] : slopes.dims.slice(from)
  const shape = facts.shape?.(node.inputs[0]!)
  const along = dims.length > 1 && dims.slice(1).every((dim) => dim === 1)
  if (!along || (shape && shape.length !== dims.length + 1)) return 'its slopes are not one a channel of a picture'
  const values = tensorValues(slopes) as Float32Array
  return values.every(Number.isFinite) ? { values, behind: dims.length - 1 } : 'its slopes are not finite'
}

/** What the pieces of a PRelu in integers are called beside the node itself: what they cost is its cost. */
export const slopePieces = (label: string): readonly string[] =>
  ['rescaled', 'raised', 'lowered'].map((piece) => `${label}_${piece}`)
