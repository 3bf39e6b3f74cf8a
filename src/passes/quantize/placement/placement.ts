import type { Node } from '../../../ir/index.ts'
import type { PlanContext } from '../units/plan-context.ts'
import type { Roundings } from '../units/roundings.ts'
import { isCarrier, keepsCodes, type Unit } from '../units/unit.ts'
import type { UnitCost } from './kernel-costs.ts'
import { leastCost } from './least-cost.ts'
import { type MeasuredCosts, type PriceList, priceList } from './price-list.ts'
import { cheapestWithin } from './within-budget.ts'

/** What was measured of this very model; without it formulas stand in, and nothing is known of noise. */
interface Measured extends MeasuredCosts {
  readonly roundings: Roundings | null
}

/** What becomes integer, and what each candidate costs on either side, as measured or by formulas. */
interface Placed {
  readonly units: ReadonlyMap<Node, Unit>
  readonly costs: ReadonlyMap<Unit, UnitCost>
}

/** Which candidates become integer, by `options.placement`. */
export function placeUnits(candidates: ReadonlyMap<Node, Unit>, context: PlanContext, measured: Measured): Placed {
  const prices = priceList(candidates, context, measured)
  return { units: chosenUnits(candidates, context, prices, measured.roundings), costs: prices.units }
}

function chosenUnits(
  all: ReadonlyMap<Node, Unit>,
  context: PlanContext,
  prices: PriceList,
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

/**
 * All candidates but those that would only carry codes from one conversion to the next, with nothing beside them that
 * computes with codes: a quarter of the bytes moved is not worth a rounding.
 */
function dropMereCarriers(candidates: ReadonlyMap<Node, Unit>): ReadonlyMap<Node, Unit> {
  const units = [...candidates.values()]
  const [carriers, computing] = [
    units.filter((unit) => isCarrier(unit.node) || keepsCodes(unit)),
    units.filter((unit) => !isCarrier(unit.node) && !keepsCodes(unit)),
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
