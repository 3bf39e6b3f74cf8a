import { type Node, nodeLabel } from '../../../ir/index.ts'
import type { PlanContext } from '../units/plan-context.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import { channelSlopes } from '../units/slopes.ts'
import type { Unit } from '../units/unit.ts'
import {
  borderCosts,
  convCost,
  depthwiseCost,
  elementwiseCost,
  matmulCost,
  slopesCost,
  transposedDepthwiseCost,
  type UnitCost,
} from './kernel-costs.ts'
import { productSize } from './product-size.ts'

/** Elements that a value is taken to have where calibration did not count them. */
const UNKNOWN_ELEMENTS = 10_000

/** What profiles told of this very model on this machine, in nanoseconds. */
export interface MeasuredCosts {
  /** By the label of a unit's node. */
  readonly costs: ReadonlyMap<string, UnitCost>
  /** Of an element that crosses between float and integers; null where only the formula knows. */
  readonly borderNs: number | null
}

/** What candidates cost on either side, and values that cross between the sides, in nanoseconds. */
export interface PriceList {
  readonly units: ReadonlyMap<Unit, UnitCost>
  /** To bring a value, in one row, from one side to the other. */
  border(value: string): number
}

/**
 * Measured costs where there are some. The formulas, which stand in for the others and for borders, are brought to this
 * machine's scale: by the ratio of both over the products that were measured.
 */
export function priceList(
  candidates: ReadonlyMap<Node, Unit>,
  { facts, ranges }: PlanContext,
  { costs, borderNs }: MeasuredCosts,
): PriceList {
  const elements = (value: string) => ranges.get(value)?.elements ?? UNKNOWN_ELEMENTS
  const units = [...candidates.values()].map((unit) => ({
    unit,
    seen: costs.get(nodeLabel(unit.node)),
    guess: costOf(unit, facts, elements),
  }))
  const both = units.filter(({ unit, seen }) => seen && unit.rule.kind === 'product')
  const sum = (all: readonly UnitCost[]) => all.reduce((total, { float, integer }) => total + float + integer, 0)
  const seen = sum(both.flatMap((item) => item.seen ?? []))
  const scale = seen > 0 ? seen / sum(both.map(({ guess }) => guess)) : 1
  const scaled = ({ float, integer }: UnitCost) => ({ float: float * scale, integer: integer * scale })
  const border = (value: string) =>
    borderNs === null
      ? scale * (borderCosts.call + elements(value) * borderCosts.convert)
      : borderCosts.call + elements(value) * borderNs
  return { border, units: new Map(units.map((item) => [item.unit, item.seen ?? scaled(item.guess)])) }
}

/** What a unit costs by formulas; `elements` counts those of a value. */
function costOf(unit: Unit, facts: NodeFacts, elements: (value: string) => number): UnitCost {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + elements(name), 0)
  const slopes = unit.rule.kind === 'slopes' ? channelSlopes(unit.node, facts) : ''
  if (typeof slopes !== 'string') return slopesCost(sum(unit.writes), slopes.values.length)
  if (unit.rule.kind !== 'product') return elementwiseCost(unit, sum(unit.reads), sum(unit.writes))
  const size = productSize(unit, facts, elements)
  if (unit.depthwise) return depthwiseCost(size)
  if (size.transposedDepthwise) return transposedDepthwiseCost(size)
  return ['Conv', 'ConvTranspose'].includes(unit.node.opType) ? convCost(size) : matmulCost(size)
}
