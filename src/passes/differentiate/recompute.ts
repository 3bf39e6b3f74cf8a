import {
  elementType,
  fromNumbers,
  type Graph,
  hasNestedGraphs,
  isNumeric,
  makeNode,
  type Node,
  RANDOM_OPERATORS,
} from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'

/** Values that are kept for the way back: by name, or about √n of n nodes' results. */
export type Kept = 'auto' | readonly string[]

/**
 * Gradients in less memory: of the values that the way back reads, only the kept ones are held until then; the others
 * are computed again, just before the first node that reads them, from the kept ones (Chen et al. 2016, 1604.06174).
 * With √n values kept, memory grows with √n instead of n, for at most one more forward pass.
 *
 * What is computed again begins with the kept value plus a zero that is made of a gradient which is there by then.
 * Runtimes would otherwise see that both computations are one, or do the second as early as the first.
 */
export function recomputed(
  forward: Graph,
  backward: readonly Node[],
  gradients: ReadonlySet<string>,
  write: GradientWriter,
  kept: Kept,
): readonly Node[] {
  const producer = new Map<string, Node>()
  for (const node of forward.nodes) for (const name of node.outputs) if (name !== '') producer.set(name, node)
  const held = keptValues(forward, kept)
  const inputs = new Set(forward.inputs.map(({ name }) => name).filter((name) => !forward.initializers.has(name)))
  const names = new Map<string, string>()
  const out: Node[] = []

  /** The name under which the way back finds a value of the forward pass. */
  const again = (value: string): string => {
    const known = names.get(value)
    if (known !== undefined) return known
    const node = producer.get(value)
    // Before there is any gradient, nothing can be put off.
    if (!node || held.has(value) || isFixed(node) || latest === undefined) return value
    const reads = node.inputs.map((input) => (held.has(input) || inputs.has(input) ? copy(input) : again(input)))
    const outputs = node.outputs.map((name) => (name === '' ? '' : write.fresh(`${name}/again`)))
    for (const [i, name] of node.outputs.entries()) if (name !== '' && !held.has(name)) names.set(name, outputs[i]!)
    out.push({ ...node, name: outputs.find((name) => name !== '')!, inputs: reads, outputs })
    return names.get(value)!
  }
  const copies = new Map<string, string>()
  const copy = (value: string): string => {
    const before = copies.get(value)
    if (before !== undefined) return before
    const known = write.fresh(`${value}/kept`)
    if (latest === undefined || !isNumeric(write.storedType(value)) || write.storedType(value) === 'bool') return value
    const zero = zeroFrom(latest, value, write, out)
    out.push(makeNode('Add', [value, zero], [known], { name: known }))
    copies.set(value, known)
    return known
  }
  /** The gradient that was made last. */
  let latest: string | undefined
  for (const node of backward) {
    // A shape can be read at once, and holds nothing.
    const early = node.opType === 'Shape' || node.opType === 'Size'
    out.push(early ? node : { ...node, inputs: node.inputs.map(again) })
    latest = node.outputs.find((name) => gradients.has(name)) ?? latest
  }
  return out
}

/** 0 in the type of `like`, whatever the gradient holds, in a way that no optimizer sees through. */
function zeroFrom(gradient: string, like: string, write: GradientWriter, out: Node[]): string {
  const step = (opType: string, inputs: readonly string[], attributes = {}): string => {
    const name = write.fresh(`${gradient}/${opType}`)
    out.push(makeNode(opType, inputs, [name], { name, attributes }))
    return name
  }
  const first = step('Gather', [step('Reshape', [gradient, write.ints([-1])]), write.int(0)])
  const never = write.tensor(fromNumbers('bool', [], [0]))
  return step('CastLike', [step('And', [step('Cast', [first], { to: elementType('bool') }), never]), like])
}

/** Nodes that must not run twice, or gain nothing from it. */
const isFixed = (node: Node): boolean =>
  RANDOM_OPERATORS.has(node.opType) || node.opType === 'Constant' || hasNestedGraphs(node)

function keptValues(forward: Graph, kept: Kept): ReadonlySet<string> {
  if (kept !== 'auto') return new Set(kept)
  const every = Math.max(2, Math.round(Math.sqrt(forward.nodes.length)))
  return new Set(
    forward.nodes.flatMap((node, i) => (i % every === every - 1 ? node.outputs.filter((name) => name !== '') : [])),
  )
}
