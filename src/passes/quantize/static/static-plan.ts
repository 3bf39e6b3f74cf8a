import { type Graph, type GraphIndex, indexGraph, type Node, nodeLabel } from '../../../ir/index.ts'
import type { Refusal, SensitivityReport } from '../../../report/index.ts'
import { type Affine, affineU8, type Range } from '../codes/affine.ts'
import type { LearnedWeight } from '../codes/learned-weights.ts'
import { placeUnits } from '../placement/placement.ts'
import type { MeasuredCosts } from '../placement/price-list.ts'
import type { ObservedChannels, ObservedRange } from '../units/observed.ts'
import type { PlanContext } from '../units/plan-context.ts'
import { balances, type PlanOptions } from '../units/plan-options.ts'
import type { NodeFacts } from '../units/quantize-rules.ts'
import { originsAmong, roundingsOf, unknownAmong } from '../units/roundings.ts'
import { partsBehind, type Unit, unitAt } from '../units/unit.ts'
import { type Codes, equaliseChannels } from './equalise-channels.ts'
import { countedRows } from './ranges/counted-rows.ts'
import { dataValues } from './ranges/data-values.ts'
import { exponentials } from './ranges/exponentials.ts'
import { joinedCodes } from './ranges/joined-codes.ts'
import { withCodesAtLimits } from './ranges/limited-codes.ts'
import { maskedRanges } from './ranges/masked-ranges.ts'
import { ratioValues } from './ranges/ratio-values.ts'
import { isTelling } from './ranges/reached-codes.ts'
import { scaledCodes, withScales } from './ranges/scales.ts'
import { shiftedCodes, shiftOf, withRoomForZeros, withShifts } from './ranges/shifts.ts'
import { slopedCodes, withRoomForSlopes } from './ranges/sloped-codes.ts'
import { tellingRanges } from './ranges/telling-ranges.ts'
import { floatNode, PART_OF_FLOAT, refuseUnit, whyCheaperInFloat } from './why-float.ts'

/**
 * All decisions that are made before a node is written: what becomes integer, in which codes, and why the rest does
 * not.
 */
export interface StaticPlan {
  readonly graph: Graph
  readonly index: GraphIndex
  readonly facts: NodeFacts
  /** Integer units by their first node. */
  readonly units: ReadonlyMap<Node, Unit>
  /** Nodes of units other than their first ones. */
  readonly covered: ReadonlySet<Node>
  /** Nodes that must run in float whatever the costs: kept as asked, or refused. */
  readonly apart: ReadonlySet<Node>
  /** The integer unit that makes a value. */
  readonly makers: ReadonlyMap<string, Unit>
  /** Ranges that end where a mask hides lower values, those of constants included. */
  readonly masked: ReadonlyMap<string, Range>
  /** Codes of every value that anything reads as integers. */
  readonly codes: ReadonlyMap<string, Codes>
  readonly float: readonly Refusal[]
  /** Noise over signal that the roundings are expected to add up to; null without sensitivities. */
  readonly expectedNoise: number | null
  /** Whether weights are rounded so that errors cancel in sums. */
  readonly balanceSums: boolean
  readonly weightBits: 4 | 8
  /** Whether the gate of HardSwish clips codes instead of looking them up in a table. */
  readonly limits: boolean
  /** Learned codes and scales, by the name of the float weights. */
  readonly learned: ReadonlyMap<string, LearnedWeight>
  /** Mean of each channel of a value, where biases are corrected by it. */
  means(value: string): readonly number[] | undefined
  /** The channels of a value as they were seen, where they limit the weights of products that read it (`within16`). */
  heldBy(value: string): ObservedChannels | undefined
  /**
   * What remains of a number added to a value that its zero point cannot express; its readers add it to their biases.
   */
  rest(value: string): number
}

/** What is known of the model besides its ranges. */
interface Knowledge extends MeasuredCosts {
  /** What each rounding does to the outputs; null where it was not measured. */
  readonly sensitivity: SensitivityReport | null
  /** By value. */
  readonly channels?: ReadonlyMap<string, ObservedChannels>
  readonly learned?: ReadonlyMap<string, LearnedWeight>
}

/** Decides which nodes become integer kernels and under which codes their values are held. Runs nothing. */
export function planStatic(
  graph: Graph,
  facts: NodeFacts,
  seen: ReadonlyMap<string, ObservedRange>,
  options: PlanOptions,
  known: Knowledge,
): StaticPlan {
  const { context, masked } = contextOf(graph, facts, seen, options)
  const { index, ranges } = context
  const { units, reasons, apart, expectedNoise } = integerUnits(context, known)
  const covered = new Set([...units.values()].flatMap(partsBehind))
  const makers = new Map([...units.values()].flatMap((unit) => unit.writes.map((name) => [name, unit] as const)))
  const left = graph.nodes.filter((node) => !units.has(node) && !covered.has(node))
  const data = dataValues(graph, facts)
  const { channels = new Map<string, ObservedChannels>() } = known
  const roomy = withRoomForSlopes(withRoomForZeros(ranges, units, index, facts), units)
  const limits = options.curves === 'limits'
  const held = limits ? withCodesAtLimits(roomy, units) : roomy
  const plain = codesOf({ ...context, ranges: held }, units, makers)
  const codes = options.equalise ? equaliseChannels(plain, units, context, channels, options.equalise) : plain
  return {
    graph,
    index,
    facts,
    units,
    covered,
    apart,
    makers,
    masked,
    codes,
    float: left.flatMap((node) => floatNode(node, reasons.get(node), context, data)),
    expectedNoise,
    balanceSums: balances(options),
    weightBits: options.weightBits ?? 8,
    limits,
    learned: (options.rounding === 'learned' && known.learned) || new Map<string, LearnedWeight>(),
    means: (value) => (options.correctBias ? channels.get(value)?.mean : undefined),
    heldBy(value) {
      const reached = options.within16 === 'seen' ? channels.get(value) : undefined
      return reached && isTelling(reached, seen.get(value)) ? reached : undefined
    },
    rest(value) {
      const unit = makers.get(value)
      return unit?.rule.kind === 'shift' ? shiftedCodes(codes.get(unit.reads[0]!)!, shiftOf(unit, facts)!).rest : 0
    },
  }
}

/** Which of the units that may become integer do, and why each other node stays in float. */
function integerUnits(context: PlanContext, known: Knowledge) {
  const { index, facts, ranges, options } = context
  const { candidates, reasons, apart } = candidateUnits(context)
  const all = withScales(withShifts(candidates, index, facts, ranges), facts)
  const roundings = known.sensitivity && roundingsOf(known.sensitivity, originsIn(context))
  // Within a budget of noise there is no room for the unknown.
  const unknown =
    roundings && options.noiseBudget !== undefined ? unknownAmong(all, roundings) : new Map<Node, string>()
  const placed = new Map([...all].filter(([node]) => !unknown.has(node)))
  const { units, costs } = placeUnits(placed, context, { ...known, roundings })
  for (const [node, unit] of all) {
    if (units.has(node)) continue
    const why = unknown.get(node) ?? whyCheaperInFloat(costs.get(unit)!, known.costs.has(nodeLabel(node)), options)
    reasons.set(node, why)
    for (const part of partsBehind(unit)) reasons.set(part, PART_OF_FLOAT)
  }
  return { units, reasons, apart, expectedNoise: roundings?.total(units.values()) ?? null }
}

function contextOf(
  graph: Graph,
  facts: NodeFacts,
  seen: ReadonlyMap<string, ObservedRange>,
  options: PlanOptions,
): { readonly context: PlanContext; readonly masked: ReadonlyMap<string, Range> } {
  const index = indexGraph(graph)
  const masked = maskedRanges(graph, index, facts, seen)
  const underMasks = new Map([...seen].map(([name, range]) => [name, masked.get(name) ?? range]))
  const ranges = tellingRanges(underMasks, index, facts)
  return { context: { graph, index, facts, ranges, options }, masked }
}

/** By name, the value that has the rounding of each value: itself, or what a pool, a layout or a slice moved. */
export function roundingOrigins(
  graph: Graph,
  facts: NodeFacts,
  seen: ReadonlyMap<string, ObservedRange>,
): (name: string) => string {
  return originsIn(contextOf(graph, facts, seen, {}).context)
}

/** The values whose codes end before they do, since nothing behind them tells apart what lies beyond: see `tellingRanges`. */
export function endedValues(
  graph: Graph,
  facts: NodeFacts,
  seen: ReadonlyMap<string, ObservedRange>,
): ReadonlySet<string> {
  const { ranges } = contextOf(graph, facts, seen, {}).context
  const ended = ([name, { min, max }]: readonly [string, ObservedRange]) => {
    const range = ranges.get(name)
    return range !== undefined && (range.min > min || range.max < max)
  }
  return new Set([...seen].filter(ended).map(([name]) => name))
}

/** As it was when roundings were measured: with every unit that could be an integer kernel. */
function originsIn(context: PlanContext): (name: string) => string {
  const { index, facts, ranges } = context
  const { candidates } = candidateUnits({ ...context, options: { placement: 'everywhere' } })
  return originsAmong(withScales(withShifts(candidates, index, facts, ranges), facts).values())
}

/** What may become integer; why the rest may not, and which of that must run in float, whatever stands around it. */
function candidateUnits(context: PlanContext): {
  readonly candidates: Map<Node, Unit>
  readonly reasons: Map<Node, string>
  readonly apart: Set<Node>
} {
  const { graph, index, facts, options } = context
  const keep = new Set(options.keepFloat ?? [])
  const reasons = new Map<Node, string>()
  const apart = new Set<Node>()
  const values = {
    ratios: ratioValues(context),
    exponentials: exponentials(context),
    counted: countedRows(graph),
  }
  const candidates = new Map<Node, Unit>()
  const taken = new Set<Node>()
  for (const node of graph.nodes) {
    if (taken.has(node)) continue
    const found = unitAt(node, index, facts)
    if (!found) continue
    if ('refused' in found) {
      reasons.set(node, found.refused)
      apart.add(node)
      continue
    }
    const refused = refuseUnit(found, keep, values, context)
    if (!refused) candidates.set(node, found)
    else {
      reasons.set(node, refused.reason)
      if (refused.apart) apart.add(node)
    }
    for (const part of partsBehind(found)) {
      taken.add(part)
      if (!refused) continue
      // In float it costs nothing behind its node; as a table it would.
      reasons.set(part, PART_OF_FLOAT)
      apart.add(part)
    }
  }
  return { candidates, reasons, apart }
}

/**
 * Codes by value: those of what it is joined into, from the observed range, from the operator where its range is known,
 * or as the moved or shifted input's.
 */
function codesOf(
  context: PlanContext,
  units: ReadonlyMap<Node, Unit>,
  makers: ReadonlyMap<string, Unit>,
): ReadonlyMap<string, Affine> {
  const { graph, facts, ranges } = context
  const codes = new Map<string, Affine>(joinedCodes(context, units, makers))
  for (const node of graph.nodes) {
    const unit = units.get(node)
    if (!unit) continue
    for (const name of unit.reads) if (!codes.has(name)) codes.set(name, affineU8(ranges.get(name)!))
    for (const name of unit.writes)
      if (unit.rule.kind === 'movement') codes.set(name, codes.get(unit.reads[0]!)!)
      else if (unit.rule.kind === 'scale') codes.set(name, scaledCodes(codes.get(unit.reads[0]!)!, unit, facts))
      else if (unit.rule.kind === 'shift')
        codes.set(name, shiftedCodes(codes.get(unit.reads[0]!)!, shiftOf(unit, facts)!).codes)
      else if (!codes.has(name))
        codes.set(
          name,
          unit.rule.kind === 'slopes'
            ? slopedCodes(codes.get(unit.reads[0]!)!, ranges.get(name)!)
            : affineU8(outputRange(unit, ranges.get(name)!)),
        )
  }
  return codes
}

function outputRange(unit: Unit, seen: Range): Range {
  if (unit.node.opType === 'Softmax') return { min: 0, max: 255 / 256 }
  // The codes of a sigmoid, 0 to 255/256, taken twice less one.
  if (unit.node.opType === 'Tanh') return { min: -1, max: 127 / 128 }
  if (unit.node.opType === 'Sigmoid' || unit.node.opType === 'HardSigmoid') return { min: 0, max: 1 }
  const { low, high } = unit.activation ?? { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  return { min: Math.max(seen.min, low), max: Math.min(seen.max, high) }
}
