import {
  allNodes,
  type Graph,
  hasNestedGraphs,
  inferTypes,
  type Model,
  mapGraphs,
  NameSupply,
  type Node,
  nestedGraphs,
  nodeLabel,
  operatorName,
  type Tensor,
  type ValueType,
} from '../ir/index.ts'
import type { PassRun, Refusal } from '../report/index.ts'
import { GraphEditor } from './graph-editor.ts'

/** What a rule may ask about the model around it. */
export interface RuleContext {
  readonly editor: GraphEditor
  /** `editor.constant`. */
  readonly constant: (value: string) => Tensor | undefined
  /** Version of the standard operator set. */
  readonly opset: number
  readonly opsets: ReadonlyMap<string, number>
  /** Types by value name, inferred when they are first asked for. */
  readonly types: ReadonlyMap<string, ValueType>
}

/**
 * What a rule says of a node: `false`, the pattern is not here; `true`, rewritten; `{ refused }`, the pattern is here
 * and rewriting it would be wrong, or not worth it, for this reason.
 */
export type RuleOutcome = boolean | { readonly refused: string }

/** A local rewrite, tried at every node whose `operatorName` is one of `roots`; at every node where that is '*'. */
export interface Rule {
  readonly roots: readonly string[] | '*'
  apply(node: Node, context: RuleContext): RuleOutcome
}

/** Rules settle in a handful of sweeps; one that applies forever must not hang the tool. */
const MAX_SWEEPS = 200

/**
 * Runs rules over a model and its nested graphs until nothing applies any more. Refusals are those that still stand
 * at the end. Types are inferred once, where a rule asks for them; most rules do not find their pattern in a model, and
 * never ask.
 */
export function runRules(
  model: Model,
  id: string,
  rules: readonly Rule[],
  infer: () => ReadonlyMap<string, ValueType> = () => inferTypes(model),
): { model: Model; report: PassRun } {
  const rulesAt = rulesByRoot(rules)
  if (!hasRoot(model.graph, rulesAt)) return { model, report: { id, applied: 0, refused: [] } }
  const names = new NameSupply(model.graph)
  let known: ReadonlyMap<string, ValueType> | undefined
  const refused: Refusal[] = []
  let applied = 0

  const visit = (graph: Graph, outerConstant: (name: string) => Tensor | undefined): Graph => {
    const editor = new GraphEditor(graph, outerConstant, names)
    const context: RuleContext = {
      editor,
      constant: (value) => editor.constant(value),
      opset: model.opsets.get('') ?? 1,
      opsets: model.opsets,
      get types() {
        return (known ??= unambiguous(infer(), model.graph))
      },
    }
    let sweep = sweepOnce(rulesAt, context)
    applied += sweep.applied
    for (let left = MAX_SWEEPS; sweep.applied > 0; left--) {
      if (left === 0) throw new Error(`internal: the rules of ${id} never settle`)
      sweep = sweepOnce(rulesAt, context)
      applied += sweep.applied
    }
    refused.push(...sweep.refused)
    return mapNestedGraphs(editor.finish(), (nested) => visit(nested, (name) => editor.constant(name)))
  }

  const graph = visit(model.graph, () => undefined)
  return { model: withGraph(model, graph), report: { id, applied, refused } }
}

/** The first IR version in which a constant need not be listed as an input. */
const FREE_CONSTANTS = 4

/** The operators of the runtime itself, of which there is one set. */
const CONTRIB = 'com.microsoft'

/**
 * The model with another main graph; the IR version raised where the graph has constants that are no inputs, and the
 * runtime's own operators imported where they were written.
 */
export function withGraph(model: Model, graph: Graph): Model {
  if (graph === model.graph) return model
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const free = model.irVersion < FREE_CONSTANTS && [...graph.initializers.keys()].some((name) => !inputs.has(name))
  const opsets =
    model.opsets.has(CONTRIB) || !holdsContrib(graph) ? model.opsets : new Map([...model.opsets, [CONTRIB, 1]])
  return { ...model, irVersion: free ? FREE_CONSTANTS : model.irVersion, opsets, graph }
}

function holdsContrib(graph: Graph): boolean {
  for (const { domain } of allNodes(graph)) if (domain === CONTRIB) return true
  return false
}

/** Sibling branches may use one name for two values; a map by name cannot tell which type is meant, so neither is known. */
export function unambiguous(types: ReadonlyMap<string, ValueType>, graph: Graph): ReadonlyMap<string, ValueType> {
  // One graph names each of its values once.
  if (types.size === 0 || !graph.nodes.some(hasNestedGraphs)) return types
  const seen = new Set<string>()
  const twice = new Set<string>()
  const visit = (inner: Graph): void => {
    const own = [...inner.inputs.map(({ name }) => name), ...inner.initializers.keys()]
    for (const name of new Set([...own, ...inner.nodes.flatMap((node) => node.outputs)])) {
      if (seen.has(name)) twice.add(name)
      seen.add(name)
    }
    for (const node of inner.nodes) for (const [, nested] of nestedGraphs(node)) visit(nested)
  }
  visit(graph)
  return twice.size === 0 ? types : new Map([...types].filter(([name]) => !twice.has(name)))
}

/** The rules that look at nodes of an operator, in their order. */
function rulesByRoot(rules: readonly Rule[]): (operator: string) => readonly Rule[] {
  const known = new Map<string, readonly Rule[]>()
  return (operator) => {
    let own = known.get(operator)
    if (!own) known.set(operator, (own = rules.filter(({ roots }) => roots === '*' || roots.includes(operator))))
    return own
  }
}

/** Whether there is a node, nested graphs' included, that a rule looks at. */
function hasRoot(graph: Graph, rulesAt: (operator: string) => readonly Rule[]): boolean {
  for (const node of allNodes(graph)) if (rulesAt(operatorName(node)).length > 0) return true
  return false
}

function sweepOnce(
  rulesAt: (operator: string) => readonly Rule[],
  context: RuleContext,
): { applied: number; refused: Refusal[] } {
  let applied = 0
  const refused: Refusal[] = []
  for (const node of context.editor.walk()) {
    for (const rule of rulesAt(operatorName(node))) {
      if (!context.editor.has(node)) break
      const outcome = rule.apply(node, context)
      if (outcome === true) applied++
      else if (outcome !== false) refused.push({ node: nodeLabel(node), reason: outcome.refused })
    }
  }
  return { applied, refused }
}

/** The graph with every nested graph replaced by what `change` makes of it; the same object where nothing changed. */
export function mapNestedGraphs(graph: Graph, change: (nested: Graph) => Graph): Graph {
  const nodes = graph.nodes.map((node) => mapGraphs(node, change))
  return nodes.some((node, i) => node !== graph.nodes[i]) ? { ...graph, nodes } : graph
}
