import { type Node, operatorName } from '../../ir/index.ts'
import { list, optional, text } from '../../report/index.ts'

/** The option `keepFloat`: node names, first outputs or operator names. */
export const KEEP_FLOAT = optional(list(text))

/** The refusal of a node that `keptAsAsked` names. */
export const KEPT = { refused: 'kept in float as asked' } as const

/** Tells whether a node stays in float as asked: by its name, its first output or its operator. */
export function keptAsAsked(keepFloat: readonly string[] = []): (node: Node) => boolean {
  const keep = new Set(keepFloat)
  return (node) => keep.has(node.name) || keep.has(node.outputs[0] ?? '') || keep.has(operatorName(node))
}
