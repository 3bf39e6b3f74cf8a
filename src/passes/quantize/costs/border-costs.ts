import { type Graph, indexGraph, type Model, type Node } from '../../../ir/index.ts'
import type { CalibrationReport, CostsReport, ProfileReport } from '../../../report/index.ts'
import { repairKernels } from '../kernels/kernel-repairs.ts'
import { crossingCalls } from '../placement/layout-costs.ts'
import { isPicture } from '../placement/price-list.ts'
import { planOf, quantizeStaticInt8 } from '../static/quantize-static-int8.ts'
import type { CostProbes } from './unit-costs.ts'

/** A model as these costs would have it, and what lies on the borders between its float and its integers. */
export interface BorderProbe {
  readonly mixture: Model
  /** Nanoseconds that calling the kernels of all crossings takes. */
  readonly callsNs: number
  /** Elements of all values that are converted. */
  readonly elements: number
}

/** The mixture that is cheapest by these costs; null where nothing is converted in it. */
export function borderProbe(
  { float, curves }: CostProbes,
  ranges: CalibrationReport,
  costs: CostsReport,
): BorderProbe | null {
  const evidence = [{ report: ranges }, { report: costs }]
  const plan = planOf(float, {}, evidence)
  const made = plan.units.size === 0 ? null : quantizeStaticInt8.run(float, { curves }, evidence)
  if (made instanceof Promise) throw new Error('internal: static quantization needs no waiting')
  const inIntegers = (node: Node) => plan.units.has(node) || plan.covered.has(node)
  const values = new Set<string>()
  for (const unit of plan.units.values()) {
    for (const name of unit.reads) if (!plan.makers.has(name)) values.add(`to ${name}`)
    for (const name of unit.floatOutput ? [] : unit.writes) {
      const inFloat = (plan.index.consumers.get(name) ?? []).some((node) => !inIntegers(node))
      if (inFloat || plan.index.outputs.has(name)) values.add(`from ${name}`)
    }
  }
  if (!made || values.size === 0) return null
  const names = [...values].map((value) => value.slice(value.indexOf(' ') + 1))
  const total = (of: (name: string) => number) => names.reduce((sum, name) => sum + of(name), 0)
  return {
    mixture: repairKernels(made.model),
    callsNs: total((name) => crossingCalls(isPicture(name, plan))),
    elements: total((name) => ranges.ranges[name]?.elements ?? 0),
  }
}

const CONVERSIONS: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear'])
/** What brings one side's layout to the other's. */
const LAYOUTS: ReadonlySet<string> = new Set(['ReorderInput', 'ReorderOutput', 'Transpose'])

/**
 * Nanoseconds of an element that crosses a border, layouts included, beyond those of calling the kernels.
 *
 * Layouts change elsewhere too: in front of the heads of a detector, more often in float than where integers keep
 * channels last. So what the model does in float is no measure of what the borders add (fifteen Transposes that the
 * integers made needless had hidden them all), and of these kernels only those beside a conversion count, by their part
 * of all of one operator: the runtime numbers kernels that it adds in another order each time it opens a model.
 *
 * @param optimized The mixture as the runtime optimised it: where each kernel stands.
 */
export function borderCost(
  { callsNs, elements }: BorderProbe,
  { nodes }: ProfileReport,
  optimized: Pick<Model, 'graph'>,
): number {
  const atBorders = countByOperator(borderKernels(optimized.graph))
  const all = countByOperator(optimized.graph.nodes)
  const spent = nodes.reduce((sum, { operator, ms }) => {
    const part = (atBorders.get(operator) ?? 0) / (all.get(operator) ?? 1)
    return sum + ms * part
  }, 0)
  return Math.max(0, spent * 1e6 - callsNs) / Math.max(1, elements)
}

/** Conversions of values, and the changes of layout right in front of them or behind. */
function borderKernels(graph: Graph): ReadonlySet<Node> {
  const { producer, consumers } = indexGraph(graph)
  const given = new Set(graph.inputs.map(({ name }) => name))
  const found = new Set<Node>()
  const addLayouts = (nodes: readonly (Node | undefined)[], next: (node: Node) => readonly (Node | undefined)[]) => {
    for (const node of nodes)
      if (node && LAYOUTS.has(node.opType) && !found.has(node)) {
        found.add(node)
        addLayouts(next(node), next)
      }
  }
  const inFront = (node: Node) => [producer.get(node.inputs[0]!)]
  const behind = (node: Node) => consumers.get(node.outputs[0]!) ?? []
  for (const node of graph.nodes) {
    const [value] = node.inputs as [string]
    if (!CONVERSIONS.has(node.opType) || !(producer.has(value) || given.has(value))) continue
    found.add(node)
    addLayouts(inFront(node), inFront)
    addLayouts(behind(node), behind)
  }
  return found
}

function countByOperator(nodes: Iterable<Node>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1)
  return counts
}
