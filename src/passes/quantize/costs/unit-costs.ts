import { type Graph, indexGraph, type Model, type Node, nodeLabel } from '../../../ir/index.ts'
import type { CalibrationReport, CostsReport, ProfileReport } from '../../../report/index.ts'
import { TILE_ROW } from '../kernels/convolve-rows.ts'
import { repairKernels } from '../kernels/kernel-repairs.ts'
import { IN_FOURS } from '../kernels/read-in-fours.ts'
import { tilesName } from '../kernels/tiles.ts'
import { planOf, quantizeStaticInt8 } from '../static/quantize-static-int8.ts'
import type { PlanOptions } from '../units/plan-options.ts'
import { slopePieces } from '../units/slopes.ts'
import { partsBehind, takesNoKernel, type Unit } from '../units/unit.ts'

/**
 * Two models whose profiles tell what every unit costs on either side: all in float, and all in integers. The first
 * tells it where slopes are written as what is handed out has them (`slopesAsProducts`): the kernel of PRelu, in plain
 * order and number by number, would make float look several times as dear there, and the layers around it as well.
 */
export interface CostProbes {
  readonly float: Model
  readonly integer: Model
  /** How gates stand in integers: see `PlanOptions.curves`. */
  readonly curves?: Curves
}

type Curves = PlanOptions['curves']

/** Every node has a name in both, so that the runtime's kernels can be told apart. */
export function costProbes(model: Model, ranges: CalibrationReport, curves?: Curves): CostProbes | null {
  const float = { ...model, graph: allNamed(model.graph) }
  const made = quantizeStaticInt8.run(float, { ...EVERYWHERE, curves }, [{ report: ranges }])
  if (made instanceof Promise) throw new Error('internal: static quantization needs no waiting')
  if (made.report.applied === 0) return null
  return { float, integer: repairKernels(made.model), curves }
}

/** A node without a name has that of what it makes, or one like it where another node is called so. */
function allNamed(graph: Graph): Graph {
  const taken = new Set(graph.nodes.map(({ name }) => name))
  const freshName = (label: string) => {
    let name = label
    for (let k = 2; taken.has(name); k++) name = `${label}_${k}`
    taken.add(name)
    return name
  }
  return {
    ...graph,
    nodes: graph.nodes.map((node) => (node.name === '' ? { ...node, name: freshName(nodeLabel(node)) } : node)),
  }
}

/** Integers wherever there is a kernel, so that each shows what it costs. */
export const EVERYWHERE = { placement: 'everywhere' } as const

/**
 * Milliseconds of each unit on either side, from profiles of the two probes. Layouts, fusions and caches are those of
 * the whole model, which kernels timed one by one would not show: a float activation costs nothing where the runtime
 * fuses it into the convolution in front. Units whose product is not found among the kernels are left out.
 */
export function unitCosts(
  { float }: CostProbes,
  ranges: CalibrationReport,
  inFloat: ProfileReport,
  inIntegers: ProfileReport,
): CostsReport['nodes'] {
  const { units } = planOf(float, EVERYWHERE, [{ report: ranges }])
  const { producer } = indexGraph(float.graph)
  const floatMs = kernelTimes(inFloat, (name) => producer.get(name) ?? null)
  const integerMs = kernelTimes(inIntegers, (name) => producer.get(name) ?? null)
  return [...units.values()].flatMap((unit) => {
    const nodes = [unit.node, ...partsBehind(unit)]
    const sum = (times: ReadonlyMap<string, number>) => {
      const names = [...gateNames(unit), ...slopeNames(unit), tilesName(nodeLabel(unit.node))]
      const found = [...nodes.map(nodeLabel), ...names].flatMap((name) => times.get(name) ?? [])
      return found.length === 0 ? null : found.reduce((total, ms) => total + ms, 0)
    }
    const [before, after] = [sum(floatMs), takesNoKernel(unit) ? 0 : sum(integerMs)]
    if (after === null || (before === null && unit.rule.kind === 'product')) return []
    return [{ name: nodeLabel(unit.node), floatMs: before ?? 0, integerMs: after }]
  })
}

/** The kernels of a gate: its table or its limits, and the product behind it. */
const gateNames = (unit: Unit) =>
  unit.writes.flatMap((name) => [`${name}_gate`, `${name}_gate_table`, `${name}_gate_limits`, `${name}_gate_product`])

/** The kernels of slopes: those in integers, and the pieces that `slopesAsProducts` writes in float, with their operators. */
const slopeNames = ({ node, rule, writes }: Unit) =>
  rule.kind !== 'slopes'
    ? []
    : [
        ...slopePieces(nodeLabel(node)),
        ...['inner', 'sloped', 'above'].flatMap((piece) =>
          ['_Mul', '_Relu', '_mul'].map((operator) => `${writes[0]}_${piece}${operator}`),
        ),
      ]

/**
 * Kernel times by the name of the node that they come from. The runtime names a blocked convolution after its output
 * (`…_nchwc`; `…_mul_nchwc` where it was a Mul), counts up what it makes of quantized nodes (`…_token_12`), and names
 * what it makes of several nodes after the last of them (`…/QuickGeluFusion/`) or the first (`…/MatMulAddFusion`).
 */
function kernelTimes(profile: ProfileReport, makerOf: (value: string) => Node | null): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { name, ms } of profile.nodes) {
    const bare = name
      .replace(/_nchwc$/, '')
      .replace(/_token_\d+$/, '')
      .replace(/\/\w+Fusion\/?$/, '')
      .replace(new RegExp(`${IN_FOURS}(_\\d+)?$`), '')
      .replace(new RegExp(`${TILE_ROW}(_\\d+)?$`), '')
    const maker = makerOf(bare)
    const label = maker ? nodeLabel(maker) : bare
    times.set(label, (times.get(label) ?? 0) + ms)
  }
  return times
}
