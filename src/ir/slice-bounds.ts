import { intsAttribute } from './attribute.ts'
import type { Node } from './model.ts'
import { toNumbers } from './numbers.ts'
import type { Tensor } from './tensor.ts'

/** What a Slice takes along one axis, as the node says it: each may count from the end, and reach beyond it. */
export interface SliceBound {
  readonly axis: number
  readonly start: number
  readonly end: number
  readonly step: number
}

/** The bounds of a Slice, as attributes before opset 10 and as constant inputs since; undefined where they vary. */
export function sliceBounds(
  node: Node,
  { constant }: { readonly constant: (value: string) => Tensor | undefined },
): readonly SliceBound[] | undefined {
  const read = (position: number, name: string): readonly number[] | undefined => {
    const attribute = intsAttribute(node, name, undefined)
    if (attribute) return attribute
    const tensor = constant(node.inputs[position] ?? '')
    return tensor && [...toNumbers(tensor)]
  }
  const starts = read(1, 'starts')
  const ends = read(2, 'ends')
  if (!starts || !ends) return undefined
  const hasAxes = node.attributes.has('axes') || (node.inputs[3] ?? '') !== ''
  const axes = hasAxes ? read(3, 'axes') : starts.map((_, i) => i)
  const steps = (node.inputs[4] ?? '') === '' ? starts.map(() => 1) : read(4, 'steps')
  if (!axes || !steps) return undefined
  return starts.map((start, i) => ({ axis: axes[i]!, start, end: ends[i]!, step: steps[i]! }))
}

/** Ends from here on mean everything: exporters write the largest int32 or int64. */
export const TO_THE_END = 2 ** 31 - 1
