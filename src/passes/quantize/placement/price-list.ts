import { type Node, nodeLabel, operatorName } from '../../../ir/index.ts'
import type { PlanContext } from '../units/plan-context.ts'
import { channelSlopes } from '../units/slopes.ts'
import { standIn, type Unit } from '../units/unit.ts'
import { type ElementSizes, elementwiseCost } from './element-costs.ts'
import { gatePairs } from './gate-pairs.ts'
import {
  convCost,
  depthwiseCost,
  matmulCost,
  slopesCost,
  transposedDepthwiseCost,
  type UnitCost,
} from './kernel-costs.ts'
import { type Crossing, crossingCalls, crossingCost, layoutCost, type Neighbour } from './layout-costs.ts'
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
  border(value: string, way: Crossing): number
}

/**
 * Measured costs where there are some. The formulas, which stand in for the others and for borders, are brought to this
 * machine's scale: by the ratio of both over the products that were measured.
 */
export function priceList(
  candidates: ReadonlyMap<Node, Unit>,
  context: PlanContext,
  { costs, borderNs }: MeasuredCosts,
): PriceList {
  const formula = formulas(candidates, context)
  const units = [...candidates.values()].map((unit) => ({
    unit,
    seen: costs.get(nodeLabel(unit.node)),
    guess: formula(unit),
  }))
  const both = units.filter(({ unit, seen }) => seen && unit.rule.kind === 'product')
  const sum = (all: readonly UnitCost[]) => all.reduce((total, { float, integer }) => total + float + integer, 0)
  const seen = sum(both.flatMap((item) => item.seen ?? []))
  const scale = seen > 0 ? seen / sum(both.map(({ guess }) => guess)) : 1
  const scaled = ({ float, integer }: UnitCost) => ({ float: float * scale, integer: integer * scale })
  const border = (value: string, way: Crossing) => {
    const [elements, picture] = [elementsIn(context)(value), isPicture(value, context)]
    return borderNs === null
      ? scale * crossingCost(elements, picture, way)
      : crossingCalls(picture) + elements * borderNs
  }
  return { border, units: new Map(units.map((item) => [item.unit, item.seen ?? scaled(item.guess)])) }
}

const elementsIn =
  ({ ranges }: Pick<PlanContext, 'ranges'>) =>
  (value: string) =>
    ranges.get(value)?.elements ?? UNKNOWN_ELEMENTS

/** Operators whose values of four dimensions are matrices. */
const OF_MATRICES: ReadonlySet<string> = new Set(['MatMul', 'Softmax'])

/** Whether a value lies in blocks of channels in float and channels last in integers: it may be one where nothing is known. */
export function isPicture(value: string, { facts, index }: Pick<PlanContext, 'facts' | 'index'>): boolean {
  const rank = facts.shape?.(value)?.length ?? 4
  const around = [index.producer.get(value), ...(index.consumers.get(value) ?? [])]
  return rank > 3 && !around.some((node) => node && OF_MATRICES.has(operatorName(node)))
}

/** What units cost by formulas, by what they read and make and what stands around them. */
function formulas(candidates: ReadonlyMap<Node, Unit>, context: PlanContext): (unit: Unit) => UnitCost {
  const { facts, index } = context
  const elements = elementsIn(context)
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + elements(name), 0)
  const makers = new Map([...candidates.values()].flatMap((unit) => unit.writes.map((name) => [name, unit] as const)))
  const pairs = gatePairs(candidates, index)
  const gates = new Set(pairs.map(([gate]) => gate))
  const gated = new Set(pairs.map(([, product]) => product))
  const channelsOf = (value: string) => {
    const channels = facts.shape?.(value)?.[1]
    return typeof channels === 'number' && channels > 0 ? channels : undefined
  }
  const byConvolution = (value: string) => makers.get(value)?.node.opType === 'Conv'
  const forConvolution = (value: string) => (index.consumers.get(value) ?? []).some(({ opType }) => opType === 'Conv')
  /** Blocks are made of fours of channels alone. */
  const inBlocks = (value: string) => (channelsOf(value) ?? BLOCK) % 4 === 0
  /** Multiplied with one number a channel. */
  const overChannels = ({ node, reads, writes }: Unit) =>
    operatorName(node) === 'Mul' &&
    reads.length === 2 &&
    reads.some((name) => elements(name) < elements(writes[0]!) && elements(name) === channelsOf(writes[0]!))
  const sizesOf = (unit: Unit): ElementSizes => ({
    inputs: sum(unit.reads),
    outputs: sum(unit.writes),
    values: unit.reads.length,
    channels: channelsOf(unit.writes[0]!) ?? 1,
    overChannels: overChannels(unit),
    fused: gates.has(unit) || (isFusedBehind(unit) && byConvolution(unit.reads[0]!)),
    gate: gated.has(unit),
    limits: context.options.curves === 'limits',
  })
  /** Values around a unit, each with whether a convolution on its other side has it in blocks. */
  const around = ({ reads, writes }: Unit): readonly Neighbour[] => [
    ...reads.map((name) => ({ elements: elements(name), blocks: inBlocks(name) && byConvolution(name) })),
    ...writes.map((name) => ({ elements: elements(name), blocks: inBlocks(name) && forConvolution(name) })),
  ]
  const brokenBlocks = (unit: Unit) =>
    operatorName(unit.node) === 'Concat'
      ? unit.reads.some((name) => (channelsOf(name) ?? BLOCK) % BLOCK !== 0)
      : overChannels(unit)
  return (unit) => {
    const slopes = unit.rule.kind === 'slopes' ? channelSlopes(unit.node, facts) : ''
    if (typeof slopes !== 'string') return slopesCost(sum(unit.writes), slopes.values.length)
    if (unit.rule.kind !== 'product') {
      const [own, layout] = [elementwiseCost(unit, sizesOf(unit)), layoutCost(unit, around(unit), brokenBlocks(unit))]
      return { float: own.float + layout.float, integer: own.integer + layout.integer }
    }
    const size = productSize(unit, facts, elements)
    if (unit.depthwise) return depthwiseCost(size)
    if (size.transposedDepthwise) return transposedDepthwiseCost(size)
    return ['Conv', 'ConvTranspose'].includes(unit.node.opType) ? convCost(size) : matmulCost(size)
  }
}

/** Activations that the float kernel of a convolution takes in. */
const FUSED_BEHIND: ReadonlySet<string> = new Set(['relu', 'hard-sigmoid', 'hard-swish', 'tanh', 'Sigmoid'])
const isFusedBehind = ({ node }: Unit) => FUSED_BEHIND.has(standIn(node) ?? operatorName(node))
/** Channels that float kernels keep together. */
const BLOCK = 16
