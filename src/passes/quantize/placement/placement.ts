import { type GraphIndex, type Node, nodeLabel } from '../../../ir/index.ts'
import type { PlanContext } from '../units/plan-context.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import type { Roundings } from '../units/roundings.ts'
import { channelSlopes } from '../units/slopes.ts'
import { isCarrier, type Unit } from '../units/unit.ts'
import {
  borderCosts,
  convCost,
  depthwiseCost,
  elementwiseCost,
  matmulCost,
  slopesCost,
  type UnitCost,
} from './kernel-costs.ts'
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

/** What becomes integer, and what each candidate costs on either side, as measured or by formulas. */
export interface Placed {
  readonly units: ReadonlyMap<Node, Unit>
  readonly costs: ReadonlyMap<Unit, UnitCost>
}

/** Which candidates become integer, by `options.placement`. */
export function placeUnits(
  candidates: ReadonlyMap<Node, Unit>,
  context: PlanContext,
  { roundings, costs, borderNs }: Measured,
): Placed {
  const { facts, ranges } = context
  const elements = (name: string) => ranges.get(name)?.elements ?? UNKNOWN_ELEMENTS
  const prices = priceList(candidates, costs, borderNs, (unit) => costOf(unit, facts, elements))
  return { units: chosenUnits(candidates, context, { ...prices, elements }, roundings), costs: prices.units }
}

function chosenUnits(
  all: ReadonlyMap<Node, Unit>,
  context: PlanContext,
  prices: Prices,
  roundings: Roundings | null,
): ReadonlyMap<Node, Unit> {
  const candidates = dropMereCarriers(all)
  const { placement = 'balanced', noiseBudget } = context.options
  const balanced = placement === 'balanced'
  if (!balanced && noiseBudget === undefined) return dropLonely(candidates, context)
  const cut = (price: number) => {
    const noise = price > 0 && roundings ? { price, roundings } : null
    const split = leastCost(candidates, context, prices, noise)
    // Where integers are wanted everywhere, the cut only says what is too noisy.
    return balanced ? split : dropLonely(split, context)
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
  context: PlanContext,
  prices: Prices,
  noise: PricedNoise | null,
): ReadonlyMap<Node, Unit> {
  const network = new CutNetwork()
  const items = new Map([...candidates.values()].map((unit) => [unit, network.item()]))
  const { placement = 'balanced' } = context.options
  const split: Split = { network, candidates, item: (unit) => items.get(unit)!, context }
  payUnits(split, placement === 'balanced', prices.units, noise)
  for (const [gate, product] of gatePairs(candidates, context.index)) {
    network.edge(split.item(gate), split.item(product), TOGETHER)
    network.edge(split.item(product), split.item(gate), TOGETHER)
  }
  if (noise) payRoundedValues(split, noise)
  if (placement === 'balanced') payBorders(split, prices)
  const integer = network.sourceSide()
  return new Map([...candidates].filter(([, unit]) => integer.has(split.item(unit))))
}

/** What no cut goes through. */
const TOGETHER = Number.MAX_SAFE_INTEGER

/** A network whose source side is integer, with an item for each candidate. */
interface Split {
  readonly network: CutNetwork
  readonly candidates: ReadonlyMap<Node, Unit>
  readonly context: PlanContext
  item(unit: Unit): number
}

interface PricedNoise {
  /** Nanoseconds for noise as strong as the signal. */
  readonly price: number
  readonly roundings: Roundings
}

/** A unit pays its cost on its side; where float is only for what is too noisy, integers cost nothing but their noise. */
function payUnits(
  { network, candidates, item, context }: Split,
  byCost: boolean,
  costs: PriceList['units'],
  noise: PricedNoise | null,
): void {
  for (const unit of candidates.values()) {
    const { float, integer } = costs.get(unit)!
    const forced = unit.depthwise && context.options.depthwise === 'int8'
    const inside = noise ? noise.price * noise.roundings.inside(unit) : 0
    network.edge(network.source, item(unit), forced ? TOGETHER : float)
    network.edge(item(unit), network.sink, forced ? 0 : (byCost ? integer : 0) + inside)
  }
}

/** A value pays for its rounding once, where any integer unit makes or reads it. */
function payRoundedValues({ network, candidates, item }: Split, { price, roundings }: PricedNoise): void {
  const users = new Map<string, Unit[]>()
  for (const unit of candidates.values())
    for (const name of roundings.values(unit)) users.set(name, [...(users.get(name) ?? []), unit])
  for (const [name, units] of users) {
    const rounded = network.item()
    for (const unit of units) network.edge(item(unit), rounded, TOGETHER)
    network.edge(rounded, network.sink, price * roundings.value(name))
  }
}

/** A value pays for each way over the border between the sides once, however many read it there. */
function payBorders(
  { network, candidates, item, context: { index } }: Split,
  { border: priceOf, elements }: Prices,
): void {
  const readers = new Map<string, Unit[]>()
  const makers = new Map<string, Unit>()
  for (const unit of candidates.values()) {
    for (const name of unit.reads) readers.set(name, [...(readers.get(name) ?? []), unit])
    for (const name of unit.writes) makers.set(name, unit)
  }
  for (const name of new Set([...readers.keys(), ...makers.keys()])) {
    const maker = makers.get(name)
    const units = readers.get(name) ?? []
    const made = maker ? item(maker) : network.sink
    if (units.length > 0) {
      const border = network.item()
      for (const unit of units) network.edge(item(unit), border, TOGETHER)
      network.edge(border, made, priceOf(elements(name)))
    }
    if (maker && !maker.floatOutput) {
      const border = network.item()
      network.edge(made, border, priceOf(elements(name)))
      for (const unit of units) network.edge(border, item(unit), TOGETHER)
      const floatReader = (index.consumers.get(name) ?? []).some((node) => !units.some((unit) => unit.node === node))
      if (floatReader || index.outputs.has(name)) network.edge(border, network.sink, TOGETHER)
    }
  }
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

interface Prices extends PriceList {
  /** Of a value, in one row. */
  readonly elements: (value: string) => number
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
  const slopes = unit.rule.kind === 'slopes' ? channelSlopes(unit.node, facts) : ''
  if (typeof slopes !== 'string') return slopesCost(sum(unit.writes), slopes.values.length)
  if (unit.rule.kind !== 'product') return elementwiseCost(unit, sum(unit.reads), sum(unit.writes))
  const size = productSize(unit, facts, elements)
  if (unit.depthwise) return depthwiseCost(size)
  return ['Conv', 'ConvTranspose'].includes(unit.node.opType) ? convCost(size) : matmulCost(size)
}

/**
 * All candidates but those that would only carry codes from one conversion to the next, with nothing beside them that
 * computes with codes: a quarter of the bytes moved is not worth a rounding.
 */
function dropMereCarriers(candidates: ReadonlyMap<Node, Unit>): ReadonlyMap<Node, Unit> {
  const units = [...candidates.values()]
  const [carriers, computing] = [
    units.filter(({ node }) => isCarrier(node)),
    units.filter(({ node }) => !isCarrier(node)),
  ]
  const touched = new Set(computing.flatMap(({ reads, writes }) => [...reads, ...writes]))
  const kept = new Set(computing)
  for (let before = -1; before !== kept.size; ) {
    before = kept.size
    for (const unit of carriers) {
      const values = [...unit.reads, ...unit.writes]
      if (kept.has(unit) || !values.some((name) => touched.has(name))) continue
      kept.add(unit)
      for (const name of values) touched.add(name)
    }
  }
  return new Map([...candidates].filter(([, unit]) => kept.has(unit)))
}

/** All candidates but the operators, other than products, that have no integer neighbour at all. */
function dropLonely(candidates: ReadonlyMap<Node, Unit>, { graph, index }: PlanContext): ReadonlyMap<Node, Unit> {
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
