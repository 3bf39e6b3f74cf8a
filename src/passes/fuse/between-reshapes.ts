import { type Node, type Shape, tensorShape } from '../../ir/index.ts'
import type { RuleContext } from '../../rewrite/index.ts'

/** What two Reshapes and the node between them make of a value, which nothing else reads on the way. */
export interface BetweenReshapes {
  /** What the first one reshapes, of shape `whole`; behind it the shape is `apart`. */
  readonly x: string
  readonly whole: Shape | null
  readonly apart: Shape | null
  /** The last one, which gives shape `back`. */
  readonly after: Node
  readonly back: Shape | null
}

/** The Reshapes around a node, of which the first may be another of these operators; undefined where there are none. */
export function betweenReshapes(
  node: Node,
  { editor, types }: RuleContext,
  first: readonly string[] = ['Reshape'],
): BetweenReshapes | undefined {
  const before = editor.producer(node.inputs[0]!, ...first)
  const after = editor.soleConsumer(node.outputs[0]!, 'Reshape')
  if (!before || !after || after.inputs[0] !== node.outputs[0] || editor.soleConsumer(before.outputs[0]!) !== node)
    return undefined
  const shapeOf = (value: string) => tensorShape(types.get(value))
  const [x, between, output] = [before.inputs[0]!, before.outputs[0]!, after.outputs[0]!]
  return { x, after, whole: shapeOf(x), apart: shapeOf(between), back: shapeOf(output) }
}
