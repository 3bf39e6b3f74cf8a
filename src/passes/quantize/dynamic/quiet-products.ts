import { indexGraph, type Model, type Node, nodeLabel } from '../../../ir/index.ts'
import type { CalibrationReport } from '../../../report/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import { matmulCost } from '../placement/kernel-costs.ts'
import type { MeasuredCosts } from '../placement/price-list.ts'
import { cheapestWithin } from '../placement/within-budget.ts'
import type { ProductNode } from '../products/weighted-product.ts'
import { costsFrom, sensitivityFrom } from '../static/evidence.ts'
import { originsUnder } from '../static/quantize-static-int8.ts'
import { quantizeRules } from '../units/quantize-rules.ts'
import { type Roundings, roundingsOf } from '../units/roundings.ts'

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
  products: readonly ProductNode[],
  evidence: readonly Evidence[],
  budget: number,
): QuietProducts {
  const ranges = evidence.map(({ report }) => report).find((report) => report.kind === 'calibration')
  const sensitivity = sensitivityFrom(evidence)
  if (!ranges || !sensitivity) throw new Error('internal: a budget of noise without ranges and sensitivities')
  const roundings = roundingsOf(sensitivity, originsUnder(model, ranges))
  const all = readersOf(model, products, ranges, roundings, costsFrom(evidence))
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

/** By the value that they read, as it was rounded where codes of it are only moved; without those that are unknown. */
function readersOf(
  model: Model,
  products: readonly ProductNode[],
  { ranges }: CalibrationReport,
  roundings: Roundings,
  { costs }: MeasuredCosts,
): readonly Readers[] {
  const { consumers } = indexGraph(model.graph)
  const found = new Map<string, Item[]>()
  for (const { node, product } of products) {
    const { rows, columns } = product
    const [input, weights] = node.inputs as [string, string]
    const unit = { node, rule: quantizeRules.MatMul!, reads: [input], writes: [], floatOutput: true }
    const [value] = roundings.values(unit) as [string]
    const tied = (consumers.get(weights) ?? [node]).map((one) => ({ ...unit, node: one }))
    if (tied.some((one) => roundings.unknown(one) !== undefined)) continue
    const noise = tied.reduce((sum, one) => sum + roundings.inside(one), 0) / tied.length
    const left = ranges[input]?.elements ?? ranges[value]?.elements ?? rows
    const size = { outputs: (left / rows) * columns, channels: columns, macs: rows, window: 1, weights: rows * columns }
    const { float, integer } = costs.get(nodeLabel(node)) ?? matmulCost(size)
    found.set(value, [...(found.get(value) ?? []), { node, saved: float - integer, noise }])
  }
  return [...found].map(([value, items]) => ({ noise: roundings.value(value), items }))
}
