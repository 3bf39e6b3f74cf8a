import { type DType, type Graph, type Node, nodeLabel, operatorName, readsOf, type ValueType } from '../../ir/index.ts'
import type { Refusal } from '../../report/index.ts'
import { writeOutTraining } from './batch-training.ts'
import { type GradientWriter, gradientWriter } from './gradient-writer.ts'
import { CONSTANT_NEARLY_EVERYWHERE } from './operators.ts'
import { type Kept, recomputed } from './recompute.ts'
import { Refused } from './refused.ts'
import type { InnerWay } from './rule.ts'
import { gradientRuleOf } from './rules.ts'
import type { WriterSource } from './value-facts.ts'

interface Destination {
  /** The values that the way back begins at, each with its gradient: a number for a scalar, or the value that holds it. */
  readonly from: ReadonlyMap<string, string | number>
  readonly wrt: readonly string[]
  readonly straightThrough: boolean
  /** See `recomputed`; everything is held where it is absent. */
  readonly recompute?: Kept | undefined
  /** What names of an inner graph begin with, so that none stands for a value outside. */
  readonly prefix?: string
}

interface WayBack {
  /** The graph with the nodes of the gradients behind its own; outputs as they were. */
  readonly graph: Graph
  /** Of the values of the graph as it was. */
  readonly types: ReadonlyMap<string, ValueType>
  readonly gradients: ReadonlyMap<string, string>
  /** The element type of each gradient. */
  readonly dtypes: ReadonlyMap<string, DType>
  readonly refused: readonly Refusal[]
  /** Why nothing can be said of a value's gradient, of all values: those that nothing comes back to have the gradient 0. */
  readonly tainted: ReadonlyMap<string, string>
}

/** The types of a graph's values. */
type Inference = (graph: Graph) => ReadonlyMap<string, ValueType>

/**
 * Reverse accumulation: nodes from the last to the first, each asked once for what its inputs' gradients are, given
 * those of its outputs; contributions to one value are added. A node without a rule taints what lies before it, so that
 * no gradient with a part missing is handed out.
 */
export function goBack(graph: Graph, infer: Inference, to: Destination): WayBack {
  const types = infer(graph)
  const write = gradientWriter({ graph, types }, `${to.prefix ?? ''}gradient/`)
  const depends = dependents(graph, to.wrt)
  const gradients = new Map<string, string>()
  /** Why nothing can be said of a value's gradient. */
  const tainted = new Map<string, string>()
  const nodes = [...graph.nodes]
  const floors = flooredForFractions(graph)
  /** Every gradient on the way, partial sums included. */
  const made = new Set<string>()

  const contribute = (value: string, gradient: string) => {
    const before = gradients.get(value)
    const total = before === undefined ? gradient : write.add(before, gradient)
    made.add(total)
    gradients.set(value, total)
  }
  const taint = (node: Node, reason: string) => {
    for (const name of readsOf(node)) if (depends.has(name) && !tainted.has(name)) tainted.set(name, reason)
  }
  for (const [value, seed] of to.from)
    if (depends.has(value)) contribute(value, typeof seed === 'number' ? write.number(seed, value) : seed)

  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!
    const reason = node.outputs.map((name) => tainted.get(name)).find((each) => each !== undefined)
    if (reason !== undefined) taint(node, reason)
    const own = node.outputs.map((name) => gradients.get(name))
    if (!own.some((gradient) => gradient !== undefined) || ![...readsOf(node)].some((name) => depends.has(name)))
      continue
    const operator = operatorName(node)
    if (CONSTANT_NEARLY_EVERYWHERE.has(operator)) continue
    const rule = gradientRuleOf(operator)
    if (!rule) {
      taint(
        node,
        `${nameOf(node)} has no gradient rule; values behind it (${node.outputs.filter((name) => name !== '').join(', ')}) can still be reached`,
      )
      continue
    }
    const call = {
      node,
      write,
      gradients: own,
      straightThrough: to.straightThrough && !floors.has(node),
      wants: (input: number) => depends.has(node.inputs[input] ?? ''),
      moves: (value: string) => depends.has(value),
      contribute,
      within: (inner: Graph, way: InnerWay) => goBack(inner, infer, { ...way, straightThrough: to.straightThrough }),
      output(index: number) {
        const now = nodes[i]!
        if (now.outputs[index]) return now.outputs[index]
        const outputs = Array.from({ length: Math.max(index + 1, now.outputs.length) }, (_, at) =>
          at === index ? write.fresh(`${now.outputs[0]}/${index}`) : (now.outputs[at] ?? ''),
        )
        nodes[i] = { ...now, outputs }
        return outputs[index]!
      },
    }
    try {
      for (const [input, gradient] of rule(call).entries())
        if (gradient !== undefined && call.wants(input)) contribute(node.inputs[input]!, gradient)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      taint(node, `the gradient of ${nameOf(node)} is not known: ${error.message}`)
    }
  }
  return finish({ graph, types }, nodes, write, to, { gradients, tainted, made })
}

const nameOf = (node: Node): string => `${operatorName(node)} "${nodeLabel(node)}"`

/**
 * Floors that are subtracted from what they are of. x − ⌊x⌋ grows with x, as the weights of bilinear sampling do; were the
 * floor the identity there, nothing of x would be felt. (x + (round(x) − x), as trainers write rounding, is none of these.)
 */
function flooredForFractions(graph: Graph): ReadonlySet<Node> {
  const floors = new Map(
    graph.nodes.flatMap((node) => (operatorName(node) === 'Floor' ? [[node.outputs[0], node]] : [])),
  )
  const found = new Set<Node>()
  for (const node of graph.nodes) {
    const floor = operatorName(node) === 'Sub' ? floors.get(node.inputs[1]) : undefined
    if (floor && floor.inputs[0] === node.inputs[0]) found.add(floor)
  }
  return found
}

/** Values that move when one of `wrt` moves. */
export function dependents(
  graph: Graph,
  wrt: Iterable<string>,
  through: (node: Node) => boolean = (node) => !CONSTANT_NEARLY_EVERYWHERE.has(operatorName(node)),
): ReadonlySet<string> {
  const moved = new Set(wrt)
  for (const node of graph.nodes)
    if (through(node) && [...readsOf(node)].some((name) => moved.has(name)))
      for (const name of node.outputs) if (name !== '') moved.add(name)
  return moved
}

function finish(
  { graph, types }: WriterSource,
  nodes: readonly Node[],
  write: GradientWriter,
  to: Destination,
  found: {
    readonly gradients: ReadonlyMap<string, string>
    readonly tainted: ReadonlyMap<string, string>
    readonly made: ReadonlySet<string>
  },
): WayBack {
  const results = new Map<string, string>()
  const dtypes = new Map<string, DType>()
  const refused: Refusal[] = []
  const copies: Node[] = []
  for (const value of new Set(to.wrt)) {
    const gradient = found.gradients.get(value)
    const taint = found.tainted.get(value)
    if (taint !== undefined) refused.push({ node: value, reason: taint })
    else if (gradient === undefined)
      refused.push({ node: value, reason: absence(graph, value, [...to.from.keys()], found.gradients) })
    else {
      const name = write.fresh(`${to.prefix ?? ''}${value}_gradient`)
      copies.push({ opType: 'Identity', domain: '', name, inputs: [gradient], outputs: [name], attributes: new Map() })
      results.set(value, name)
      dtypes.set(value, write.dtype(value))
    }
  }
  const forward = writeOutTraining({ graph: { ...graph, nodes }, types })
  const back =
    to.recompute === undefined ? write.nodes : recomputed(forward, write.nodes, found.made, write, to.recompute)
  return {
    graph: {
      ...forward,
      nodes: [...forward.nodes, ...back, ...copies],
      initializers: new Map([...forward.initializers, ...write.constants]),
    },
    types,
    gradients: results,
    dtypes,
    refused,
    tainted: found.tainted,
  }
}

/** Why a value that nothing taints has no gradient: the nodes on its ways to the loss at which the way back ends. */
function absence(
  graph: Graph,
  value: string,
  losses: readonly string[],
  gradients: ReadonlyMap<string, string>,
): string {
  const moved = dependents(graph, [value], () => true)
  if (!losses.some((loss) => moved.has(loss))) return 'the loss does not depend on it'
  const reaching = leadingTo(graph, losses)
  const ends = graph.nodes.filter(
    (node) =>
      [...readsOf(node)].some((name) => moved.has(name) && !gradients.has(name)) &&
      node.outputs.some((name) => reaching.has(name)) &&
      (CONSTANT_NEARLY_EVERYWHERE.has(operatorName(node)) || node.outputs.some((name) => gradients.has(name))),
  )
  const shown = ends.slice(0, MOST_NAMED).map(nameOf).join(', ')
  const more = ends.length > MOST_NAMED ? `, and ${ends.length - MOST_NAMED} more` : ''
  const behind = ends.flatMap(({ outputs }) => outputs.filter((name) => reaching.has(name))).slice(0, MOST_NAMED)
  return `on every way from it to the loss stands a step that a small change does not move, or integers alone: ${shown}${more}; values behind (${behind.join(', ')}) can still be reached`
}

const MOST_NAMED = 3

/** Values that the loss is made of. */
function leadingTo(graph: Graph, losses: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(losses)
  for (const node of graph.nodes.toReversed())
    if (node.outputs.some((name) => wanted.has(name))) for (const name of readsOf(node)) wanted.add(name)
  return wanted
}
