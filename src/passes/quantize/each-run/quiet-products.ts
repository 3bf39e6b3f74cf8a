import { indexGraph, type Model, type Node, nodeLabel } from '../../../ir/index.ts'
import type { CalibrationReport, SensitivityReport } from '../../../report/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import type { WeightedProduct } from '../dynamic/dynamic-matmul.ts'
import { matmulCost } from '../placement/kernel-costs.ts'
import { cheapestWithin } from '../placement/within-budget.ts'
import { costsFrom, originsUnder } from '../static/quantize-static-int8.ts'

/** A product that dynamic integers could do. */
export interface DynamicProduct extends Pick<WeightedProduct, 'rows' | 'columns'> {
  readonly node: Node
}

/** What a mixture of dynamic integers and float keeps within its budget of noise. */
export interface QuietProducts {
  readonly integer: ReadonlySet<Node>
  /** Noise over signal that these are foretold to add up to. */
  readonly expectedNoise: number
}

/** A product with what it saves in integers, in nanoseconds, and the noise that is its own. */
interface Item {
  readonly node: Node
  readonly saved: number
  readonly noise: number
}

/** Products that read one value, whose rounding is paid once. */
interface Readers {
  readonly noise: number
  readonly items: readonly Item[]
}

/**
 * Which of these products stay integer, so that the noise of roundings keeps within `budget` at the least cost of time.
 * What a rounding does to the outputs was measured under the ranges of all rows; those of one run are no wider. Products
 * of tied weights share their noise. Time is what kernels of known ranges take here (`costs`), or formulas say.
 *
 * @throws Error without ranges and sensitivities among the evidence.
 */
export function quietProducts(
  model: Model,
  products: readonly DynamicProduct[],
  evidence: readonly Evidence[],
  budget: number,
): QuietProducts {
  const reports = evidence.map(({ report }) => report)
  const ranges = reports.find((report) => report.kind === 'calibration')
  const sensitivity = reports.find((report) => report.kind === 'sensitivity')
  if (!ranges || !sensitivity) throw new Error('internal: a budget of noise without ranges and sensitivities')
  const all = readersOf(model, products, ranges, sensitivity, costsFrom(evidence).costs)
  const cut = (price: number) => all.flatMap((readers) => worthIntegers(readers, price))
  const noiseOf = (chosen: readonly Readers[]) =>
    chosen.reduce((sum, { noise, items }) => items.reduce((total, item) => total + item.noise, sum + noise), 0)
  const chosen = cheapestWithin(budget, cut, noiseOf)
  return {
    integer: new Set(chosen.flatMap(({ items }) => items.map(({ node }) => node))),
    expectedNoise: noiseOf(chosen),
  }
}

/** Those of the readers of a value that integers pay for under a price of noise; none where they do not pay for its own. */
function worthIntegers({ noise, items }: Readers, price: number): readonly Readers[] {
  const own = items.map((item) => ({ item, gain: item.saved - price * item.noise }))
  const kept = price === 0 ? own : own.filter(({ gain }) => gain > 0)
  const gain = kept.reduce((sum, one) => sum + one.gain, 0) - price * noise
  return price === 0 || gain > 0 ? [{ noise, items: kept.map(({ item }) => item) }] : []
}

/** By the value that they read, as it was rounded where codes of it are only moved; without what nobody knows. */
function readersOf(
  model: Model,
  products: readonly DynamicProduct[],
  ranges: CalibrationReport,
  sensitivity: SensitivityReport,
  costs: ReturnType<typeof costsFrom>['costs'],
): readonly Readers[] {
  const noises = { value: new Map<string, number>(), node: new Map<string, number>() }
  for (const { kind, name, noise } of sensitivity.sources) noises[kind].set(name, noise)
  const unknown = { value: new Set<string>(), node: new Set<string>() }
  for (const { kind, name } of sensitivity.unknown ?? []) unknown[kind].add(name)
  const origin = originsUnder(model, ranges)
  const { consumers } = indexGraph(model.graph)
  const found = new Map<string, Item[]>()
  for (const { node, rows, columns } of products) {
    const value = origin(node.inputs[0]!)
    const tied = consumers.get(node.inputs[1]!) ?? [node]
    if (unknown.value.has(value) || tied.some((one) => unknown.node.has(nodeLabel(one)))) continue
    const noise = tied.reduce((sum, one) => sum + (noises.node.get(nodeLabel(one)) ?? 0), 0) / tied.length
    const left = ranges.ranges[node.inputs[0]!]?.elements ?? ranges.ranges[value]?.elements ?? rows
    const size = { outputs: (left / rows) * columns, channels: columns, macs: rows, window: 1, weights: rows * columns }
    const { float, integer } = costs.get(nodeLabel(node)) ?? matmulCost(size)
    found.set(value, [...(found.get(value) ?? []), { node, saved: float - integer, noise }])
  }
  return [...found].map(([value, items]) => ({ noise: noises.value.get(value) ?? 0, items }))
}
