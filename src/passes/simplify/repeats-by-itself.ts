import { BROADCASTING, type Node, operatorName } from '../../ir/index.ts'
import type { GraphEditor } from '../../rewrite/index.ts'

/**
 * Whether all who read an Expand repeat what is short by themselves. Runtimes hold no caller to the names of sizes: where
 * names alone say that an Expand changes nothing, it may still be given one row for many, and others would refuse that.
 */
export function isRepeatedByReaders(expand: Node, editor: GraphEditor): boolean {
  const value = expand.outputs[0]!
  return !editor.isOutput(value) && editor.consumers(value).every((node) => BROADCASTING.has(operatorName(node)))
}
