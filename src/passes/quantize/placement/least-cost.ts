import type { Node } from '../../../ir/index.ts'
import type { PlanContext } from '../units/plan-context.ts'
import type { Roundings } from '../units/roundings.ts'
import type { Unit } from '../units/unit.ts'
import { gatePairs } from './gate-pairs.ts'
import { CutNetwork } from './min-cut.ts'
import type { PriceList } from './price-list.ts'

/**
 * The split of least total time. A unit pays its own cost on its side; a value pays for QuantizeLinear once where a
 * float node makes it and an integer unit reads it, and for DequantizeLinear once in the opposite case. With two sides
 * this is exactly a minimum cut (a project-selection network). Noise has a `price` as well: a unit pays for what is
 * rounded inside of it, a value once where any integer unit makes or reads it.
 */
export function leastCost(
  candidates: ReadonlyMap<Node, Unit>,
  context: PlanContext,
  prices: PriceList,
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
function payBorders({ network, candidates, item, context: { index } }: Split, prices: PriceList): void {
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
      network.edge(border, made, prices.border(name, 'to integers'))
    }
    if (maker && !maker.floatOutput) {
      const border = network.item()
      network.edge(made, border, prices.border(name, 'to float'))
      for (const unit of units) network.edge(border, item(unit), TOGETHER)
      const floatReader = (index.consumers.get(name) ?? []).some((node) => !units.some((unit) => unit.node === node))
      if (floatReader || index.outputs.has(name)) network.edge(border, network.sink, TOGETHER)
    }
  }
}
