import { isNumeric, type Node, nodeLabel, operatorName, type Tensor, tensorShape, toNumbers } from '../ir/index.ts'
import type { GraphEditor } from './graph-editor.ts'
import type { RuleContext, RuleOutcome } from './rule.ts'

/** What a pattern has bound so far: values by the names it gave them, and the nodes it went through. */
export interface Match {
  readonly values: ReadonlyMap<string, string>
  readonly nodes: readonly Node[]
  /** The value bound to a name; asking for one that the pattern does not bind is our bug. */
  value(name: string): string
}

interface Matching {
  readonly editor: GraphEditor
  readonly values: Map<string, string>
  readonly nodes: Node[]
}

/** Looks backwards from a value at the nodes that made it. */
export type Pattern = (value: string, matching: Matching) => boolean

/** Any value; the second time a name stands in a pattern it must be the same value. */
export const any =
  (name: string): Pattern =>
  (value, { values }) => {
    const bound = values.get(name)
    if (bound === undefined) values.set(name, value)
    return bound === undefined || bound === value
  }

/** A constant that no caller can override. */
export const constant =
  (name: string): Pattern =>
  (value, matching) =>
    matching.editor.constant(value) !== undefined && any(name)(value, matching)

/** A one-element constant that is `number` within a relative `tolerance` (float16 spells 1/6 as 0.1666). */
export const scalar =
  (number: number, tolerance = 1e-5): Pattern =>
  (value, { editor }) => {
    const found = scalarValue(editor.constant(value))
    return found !== undefined && Math.abs(found - number) <= tolerance * Math.max(1e-12, Math.abs(number))
  }

/** A one-element constant of any value, bound to `name`. */
export const scalarNamed =
  (name: string): Pattern =>
  (value, matching) =>
    scalarValue(matching.editor.constant(value)) !== undefined && any(name)(value, matching)

const COMMUTATIVE: ReadonlySet<string> = new Set(['Add', 'Mul', 'Max', 'Min', 'Sum'])

/**
 * The first output of an operator over these inputs, in either order where the operator is commutative. The first order
 * that fits is kept: name what only one order can be (a constant, an operator), not two free values.
 */
export const op =
  (operator: string, inputs: readonly Pattern[], where: (node: Node) => boolean = () => true): Pattern =>
  (value, matching) => {
    const node = matching.editor.producer(value)
    if (!node || operatorName(node) !== operator || node.outputs[0] !== value || !where(node)) return false
    const orders =
      COMMUTATIVE.has(operator) && inputs.length === 2 ? [inputs, [inputs[1]!, inputs[0]!]] : ([inputs] as const)
    for (const order of orders) {
      if (node.inputs.length !== order.length) return false
      const values = new Map(matching.values)
      const nodes = matching.nodes.length
      matching.nodes.push(node)
      if (order.every((pattern, i) => pattern(node.inputs[i]!, matching))) return true
      matching.nodes.length = nodes
      matching.values.clear()
      for (const [name, bound] of values) matching.values.set(name, bound)
    }
    return false
  }

/** A node that `find` knows by the value that it gives, over `inner` as its first input, whatever else it reads. */
export const through =
  (find: (value: string, editor: GraphEditor) => Node | undefined, inner: Pattern): Pattern =>
  (value, matching) => {
    const node = find(value, matching.editor)
    if (!node) return false
    matching.nodes.push(node)
    if (inner(node.inputs[0]!, matching)) return true
    matching.nodes.pop()
    return false
  }

/** The first of several spellings that fits. */
export const either =
  (...patterns: readonly Pattern[]): Pattern =>
  (value, matching) =>
    patterns.some((pattern) => pattern(value, matching))

/** Matches a pattern at a value, or undefined. */
export function match(editor: GraphEditor, value: string, pattern: Pattern): Match | undefined {
  const values = new Map<string, string>()
  const nodes: Node[] = []
  if (!pattern(value, { editor, values, nodes })) return undefined
  return {
    values,
    nodes,
    value(name) {
      const bound = values.get(name)
      if (bound === undefined) throw new Error(`internal: the pattern binds no ${name}`)
      return bound
    },
  }
}

/**
 * Why the nodes of a match cannot all go away: an inner value that something else reads. undefined where only the last
 * value (the first output of the first node) is seen from outside.
 */
export function sharedInside(editor: GraphEditor, { nodes }: Match): string | undefined {
  const inside = new Set(nodes)
  const last = nodes[0]!.outputs[0]!
  for (const node of nodes)
    for (const name of node.outputs) {
      if (name === '' || name === last) continue
      if (editor.isOutput(name)) return `inner value ${name} is a graph output`
      const other = editor.consumers(name).find((user) => !inside.has(user))
      if (other) return `inner value ${name} is also read by ${nodeLabel(other)}`
    }
  return undefined
}

/**
 * Why one operator over `x` cannot stand for a match: an inner value that something else reads, or a one-element
 * constant with more axes than x is known to have, which would raise the rank of the result.
 */
function obstacle(found: Match, { editor, types }: RuleContext): string | undefined {
  const shared = sharedInside(editor, found)
  if (shared) return shared
  const rank = tensorShape(types.get(found.value('x')))?.length ?? 1
  const axes = found.nodes.flatMap((node) => node.inputs.map((name) => editor.constant(name)))
  const raised = axes.some((tensor) => tensor && tensor.dims.length > rank && scalarValue(tensor) !== undefined)
  return raised ? 'a constant has more axes than its input is known to have' : undefined
}

/** Puts `fresh` in the place of a match's last node and takes away the nodes before it that nothing needs any more. */
export function replaceMatch(editor: GraphEditor, { nodes }: Match, ...fresh: readonly Node[]): void {
  editor.replace(nodes[0]!, ...fresh)
  for (const node of nodes.slice(1)) if (editor.has(node)) editor.removeUnused(node)
}

/**
 * What a rule says of pieces that operators over `x` may stand for: `write` gives these, or why they cannot. Refused as
 * well where something is in the way (see `obstacle`), and not here where nothing was found.
 */
export function replaceFound(
  found: Match | undefined,
  context: RuleContext,
  write: (found: Match) => readonly Node[] | Exclude<RuleOutcome, true>,
): RuleOutcome {
  if (!found) return false
  const refused = obstacle(found, context)
  if (refused) return { refused }
  const fresh = write(found)
  if (fresh === false || 'refused' in fresh) return fresh
  replaceMatch(context.editor, found, ...fresh)
  return true
}

/** The value of a one-element numeric constant. */
export function scalarValue(tensor: Tensor | undefined): number | undefined {
  if (!tensor || !isNumeric(tensor.dtype) || tensor.dims.some((dim) => dim !== 1)) return undefined
  return toNumbers(tensor)[0]
}
