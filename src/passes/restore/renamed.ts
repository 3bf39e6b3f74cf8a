import { type Node, readsOf } from '../../ir/index.ts'
import { renameReads } from '../../rewrite/index.ts'

/** A node that reads and gives values by their new names. */
export function renamed(node: Node, names: ReadonlyMap<string, string>): Node {
  const outputs = node.outputs.map((name) => names.get(name) ?? name)
  const same = outputs.every((name, i) => name === node.outputs[i])
  return [...names].reduce(
    (one, [from, to]) => (readsOf(one).has(from) ? renameReads(one, from, to) : one),
    same ? node : { ...node, outputs },
  )
}
