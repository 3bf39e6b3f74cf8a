import { type Graph, type GraphIndex, type Node, nodeLabel } from '../../../ir/index.ts'
import type { ObservedRange, PlanOptions } from '../units/plan-options.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import { type Roundings, roundedBy } from '../units/roundings.ts'
import type { Unit } from '../units/unit.ts'
import { borderCosts, convCost, depthwiseCost, elementwiseCost, matmulCost, type UnitCost } from './kernel-costs.ts'
import { CutNetwork } from './min-cut.ts'
import { productSize } from './product-size.ts'

/** Elements that a value is taken to have where calibration did not count them. */
const UNKNOWN_ELEMENTS = 10_000

/** What was measured of this very model; without it formulas stand in, and nothing is known of noise. */
export interface Measured {
  readonly roundings: Roundings | null
  readonly costs: ReadonlyMap<string, UnitCost>
  /** Nanoseconds of an element that crosses between float and integers; null where only the formula knows. */
  readonly borderNs: number | null
}

/** Which candidates become integer, by `options.placement`. */
export function placeUnits(
  candidates: ReadonlyMap<Node, Unit>,
  graph: Graph,
  index: GraphIndex,
  facts: NodeFacts,
  ranges: ReadonlyMap<string, ObservedRange>,
  options: PlanOptions,
  { roundings, costs, borderNs }: Measured,
): ReadonlyMap<Node, Unit> {
  const { placement = 'balanced', noiseBudget } = options
  const balanced = placement === 'balanced'
  if (!balanced && noiseBudget === undefined) return dropLonely(candidates, graph, index)
  const elements = (name: string) => ranges.get(name)?.elements ?? UNKNOWN_ELEMENTS
  const prices = priceList(candidates, costs, borderNs, (unit) => costOf(unit, facts, elements))
  const cut = (price: number) => {
    const split = leastCost(candidates, index, prices, elements, options, price > 0 ? roundings : null, price)
    // Where integers are wanted everywhere, the cut only says what is too noisy.
    return balanced ? split : dropLonely(split, graph, index)
  }
  if (noiseBudget === undefined) return cut(0)
  if (!roundings) throw new Error('internal: a budget of noise without sensitivities')
  return cheapestWithin(noiseBudget, cut, (units) => roundings.total(units.values()))
}

/** Price of noise, in nanoseconds for noise as strong as the signal, that is beyond what any kernel saves. */
const DEAREST = 1e18
const HALVINGS = 40

/**
 * The least time whose noise stays within the budget: a price on noise turns both into one cost, and the lowest price
 * that meets the budget is found by halving (Lagrangian relaxation: optimal for the noise that it reaches).
 */
function cheapestWithin(
  budget: number,
  cut: (price: number) => ReadonlyMap<Node, Unit>,
  noiseOf: (units: ReadonlyMap<Node, Unit>) => number,
): ReadonlyMap<Node, Unit> {
  const free = cut(0)
  if (noiseOf(free) <= budget) return free
  let [low, high] = [0, Math.log(DEAREST)]
  let best = cut(DEAREST)
  for (let step = 0; step < HALVINGS && high - low > 0.02; step++) {
    const middle = (low + high) / 2
    const units = cut(Math.exp(middle))
    if (noiseOf(units) <= budget) {
      best = units
      high = middle
    } else low = middle
  }
  return best
}

/**
 * The split of least total time. A unit pays its own cost on its side; a value pays for QuantizeLinear once where a
 * float node makes it and an integer unit reads it, and for DequantizeLinear once in the opposite case. With two sides
 * this is exactly a minimum cut (a project-selection network). Noise has a `price` as well: a unit pays for what is
 * rounded inside of it, a value once where any integer unit makes or reads it.
 */
function leastCost(
  candidates: ReadonlyMap<Node, Unit>,
  index: GraphIndex,
  { units: costs, border: priceOf }: PriceList,
  elements: (value: string) => number,
  options: PlanOptions,
  roundings: Roundings | null,
  price: number,
): ReadonlyMap<Node, Unit> {
  const everywhere = options.placement !== undefined && options.placement !== 'balanced'
  const network = new CutNetwork()
  const items = new Map<Unit, number>()
  const readers = new Map<string, Unit[]>()
  const makers = new Map<string, Unit>()
  const inside = new Set<Node>()
  for (const unit of candidates.values()) {
    const item = network.item()
    items.set(unit, item)
    const both = costs.get(unit)!
    const cost = everywhere ? { float: both.float, integer: 0 } : both
    const noise = roundings ? price * roundings.inside(unit) : 0
    const forced = unit.depthwise && options.depthwise === 'int8'
    network.edge(network.source, item, forced ? Number.MAX_SAFE_INTEGER : cost.float)
    network.edge(item, network.sink, forced ? 0 : cost.integer + noise)
    for (const name of unit.reads) readers.set(name, [...(readers.get(name) ?? []), unit])
    for (const name of unit.writes) makers.set(name, unit)
    inside.add(unit.node)
    if (unit.biasAdd) inside.add(unit.biasAdd.node)
    if (unit.activation) inside.add(unit.activation.node)
  }
  for (const [gate, product] of gatePairs(candidates, index)) {
    network.edge(items.get(gate)!, items.get(product)!, Number.MAX_SAFE_INTEGER)
    network.edge(items.get(product)!, items.get(gate)!, Number.MAX_SAFE_INTEGER)
  }
  if (roundings) {
    const users = new Map<string, Unit[]>()
    for (const unit of candidates.values())
      for (const name of roundedBy(unit)) users.set(name, [...(users.get(name) ?? []), unit])
    for (const [name, units] of users) {
      const rounded = network.item()
      for (const unit of units) network.edge(items.get(unit)!, rounded, Number.MAX_SAFE_INTEGER)
      network.edge(rounded, network.sink, price * roundings.value(name))
    }
  }
  for (const name of everywhere ? [] : new Set([...readers.keys(), ...makers.keys()])) {
    const maker = makers.get(name)
    const units = readers.get(name) ?? []
    const made = maker ? items.get(maker)! : network.sink
    if (units.length > 0) {
      const border = network.item()
      for (const unit of units) network.edge(items.get(unit)!, border, Number.MAX_SAFE_INTEGER)
      network.edge(border, made, priceOf(elements(name)))
    }
    if (maker && !maker.floatOutput) {
      const border = network.item()
      network.edge(made, border, priceOf(elements(name)))
      for (const unit of units) network.edge(border, items.get(unit)!, Number.MAX_SAFE_INTEGER)
      const floatReader = (index.consumers.get(name) ?? []).some((node) => !units.some((unit) => unit.node === node))
      if (floatReader || index.outputs.has(name)) network.edge(border, network.sink, Number.MAX_SAFE_INTEGER)
    }
  }
  const integer = network.sourceSide()
  return new Map([...candidates].filter(([, unit]) => integer.has(items.get(unit)!)))
}

/** Sigmoid and the product with its own input: one kernel in float, so both stand on one side. */
function gatePairs(candidates: ReadonlyMap<Node, Unit>, index: GraphIndex): readonly (readonly [Unit, Unit])[] {
  return [...candidates].flatMap(([node, unit]) => {
    const [product, ...others] = node.opType === 'Sigmoid' ? (index.consumers.get(node.outputs[0]!) ?? []) : []
    const own = product?.opType === 'Mul' && product.inputs.includes(node.inputs[0]!) && others.length === 0
    const user = own && !index.outputs.has(node.outputs[0]!) ? candidates.get(product) : undefined
    return user ? [[unit, user] as const] : []
  })
}

interface PriceList {
  readonly units: ReadonlyMap<Unit, UnitCost>
  /** What it costs to bring a value of this many elements from one side to the other. */
  readonly border: (elements: number) => number
}

/**
 * Measured costs where there are some. The formulas, which stand in for the others and for borders, are brought to this
 * machine's scale: by the ratio of both over the products that were measured.
 */
function priceList(
  candidates: ReadonlyMap<Node, Unit>,
  measured: ReadonlyMap<string, UnitCost>,
  borderNs: number | null,
  formula: (unit: Unit) => UnitCost,
): PriceList {
  const units = [...candidates.values()].map((unit) => ({
    unit,
    seen: measured.get(nodeLabel(unit.node)),
    guess: formula(unit),
  }))
  const both = units.filter(({ unit, seen }) => seen && unit.rule.kind === 'product')
  const sum = (costs: readonly UnitCost[]) => costs.reduce((total, { float, integer }) => total + float + integer, 0)
  const seen = sum(both.flatMap((item) => item.seen ?? []))
  const scale = seen > 0 ? seen / sum(both.map(({ guess }) => guess)) : 1
  const scaled = ({ float, integer }: UnitCost) => ({ float: float * scale, integer: integer * scale })
  const border = (elements: number) =>
    borderNs === null
      ? scale * (borderCosts.call + elements * borderCosts.convert)
      : borderCosts.call + elements * borderNs
  return { border, units: new Map(units.map((item) => [item.unit, item.seen ?? scaled(item.guess)])) }
}

function costOf(unit: Unit, facts: NodeFacts, elements: (value: string) => number): UnitCost {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + elements(name), 0)
  if (unit.rule.kind !== 'product') return elementwiseCost(unit, sum(unit.reads), sum(unit.writes))
  const size = productSize(unit, facts, elements)
  if (unit.depthwise) return depthwiseCost(size)
  return ['Conv', 'ConvTranspose'].includes(unit.node.opType) ? convCost(size) : matmulCost(size)
}

/** All candidates but the operators, other than products, that have no integer neighbour at all. */
function dropLonely(candidates: ReadonlyMap<Node, Unit>, graph: Graph, index: GraphIndex): ReadonlyMap<Node, Unit> {
  const kept = new Map(candidates)
  for (let dropped = true; dropped; ) {
    dropped = false
    const made = new Set([...kept.values()].flatMap((unit) => unit.writes))
    for (const node of graph.nodes) {
      const unit = kept.get(node)
      if (!unit || unit.rule.kind === 'product') continue
      const follows = unit.reads.some((name) => made.has(name))
      const feeds = unit.writes.some((name) => (index.consumers.get(name) ?? []).some((user) => kept.has(user)))
      // A table behind a float node would only add a conversion to what float does on the way.
      if (!follows && (!feeds || unit.rule.kind === 'lookup')) {
        kept.delete(node)
        dropped = true
      }
    }
  }
  return kept
}
