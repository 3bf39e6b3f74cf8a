import { readsOf } from './graph-index.ts'
import type { Node } from './model.ts'

/**
 * The nodes of a graph so that each stands behind those whose values it reads, otherwise in the order given; the same
 * array where they stand so already. ONNX asks for that order and some converters do not keep it: onnxconverter-common
 * puts the Casts of a float16 model at the end, and ONNX Runtime takes such a file. Where values go round in a circle
 * the nodes stay as they are, which the checker names.
 */
export function inOrder(nodes: readonly Node[]): readonly Node[] {
  const makers = new Map<string, Node>()
  for (const node of nodes) for (const name of node.outputs) if (name !== '') makers.set(name, node)
  const placed = new Set<Node>()
  const ready = (node: Node) => {
    for (const name of readsOf(node)) if (makers.has(name) && !placed.has(makers.get(name)!)) return false
    return true
  }
  if (nodes.every((node) => ready(node) && placed.add(node))) return nodes
  placed.clear()
  const open = new Set<Node>()
  for (const node of nodes) {
    const stack = [node]
    while (stack.length > 0) {
      const next = stack.at(-1)!
      const waiting = placed.has(next)
        ? []
        : [...readsOf(next)].flatMap((name) => makers.get(name) ?? []).filter((maker) => !placed.has(maker))
      if (waiting.length === 0) {
        placed.add(next)
        stack.pop()
      } else if (open.has(next) && waiting.some((maker) => open.has(maker))) return nodes
      else {
        open.add(next)
        stack.push(...waiting.reverse())
      }
    }
  }
  return [...placed]
}
