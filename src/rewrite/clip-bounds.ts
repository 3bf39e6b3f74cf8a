import { floatAttribute, type Node, type Tensor } from '../ir/index.ts'
import { scalarValue } from './pattern.ts'

/** What a Clip lets through; −∞ and ∞ where it has no such limit. */
export interface Bounds {
  readonly low: number
  readonly high: number
}

/** The bounds of a Clip, in attributes (before opset 11) or in constants; undefined where they are computed. */
export function clipBounds(node: Node, constant: (name: string) => Tensor | undefined): Bounds | undefined {
  const bound = (slot: number, attribute: string, open: number): number | undefined => {
    const input = node.inputs[slot] ?? ''
    return input === '' ? floatAttribute(node, attribute, open) : scalarValue(constant(input))
  }
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)]
  return low === undefined || high === undefined ? undefined : { low, high }
}
