import { type GraphIndex, hasNestedGraphs, type Node, nodeLabel, operatorName } from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'
import { KEPT } from '../kept-as-asked.ts'
import type { UnitCost } from '../placement/kernel-costs.ts'
import type { ObservedRange } from '../units/observed.ts'
import type { PlanContext } from '../units/plan-context.ts'
import type { PlanOptions } from '../units/plan-options.ts'
import { floatReasons, type NodeFacts } from '../units/quantize-rules.ts'
import { partsBehind, type Unit } from '../units/unit.ts'
import { codedAlready } from './coded-already.ts'
import { refuseNoRows } from './ranges/counted-rows.ts'
import { holdsExponentials } from './ranges/exponentials.ts'
import { refuseMean } from './ranges/mean-steps.ts'

/** Of what stands behind a node that stays in float. */
export const PART_OF_FLOAT = 'it belongs to a node that stays in float'

/** Why a unit stays in float. */
interface UnitRefusal {
  readonly reason: string
  /** Whether its node must run in float, whatever stands around it. */
  readonly apart: boolean
}

/** Why a unit may not become an integer kernel; undefined where it may. */
export function refuseUnit(
  unit: Unit,
  keep: ReadonlySet<string>,
  values: {
    readonly ratios: ReadonlyMap<string, Node>
    readonly exponentials: ReadonlySet<string>
    readonly counted: ReadonlySet<string>
  },
  context: PlanContext,
): UnitRefusal | undefined {
  if (isNamed(unit, keep)) return { reason: KEPT.refused, apart: true }
  // The runtime may make integer kernels of what lies between products nonetheless: there it costs less so.
  if (context.options.placement === 'products' && unit.rule.kind !== 'product')
    return { reason: 'only products are quantized', apart: false }
  const already = codedAlready(unit, context.index, context.facts)
  if (already !== undefined) return { reason: already, apart: false }
  const reason =
    refuseNoRows(unit, values.counted) ??
    reasonForFloat(unit, context) ??
    lookedAtByRatios(unit, values.ratios) ??
    holdsExponentials(unit, values.exponentials)
  return reason === undefined ? undefined : { reason, apart: true }
}

function lookedAtByRatios({ writes }: Unit, ratios: ReadonlyMap<string, Node>): string | undefined {
  const by = writes.flatMap((name) => ratios.get(name) ?? [])[0]
  return (
    by && `${nodeLabel(by)} looks at ratios of what it gives, and codes hold none of numbers of such different sizes`
  )
}

function reasonForFloat(unit: Unit, { index, facts, ranges, options }: PlanContext): string | undefined {
  const depthwise = options.depthwise ?? 'auto'
  if (unit.depthwise && (depthwise === 'float' || (depthwise === 'auto' && options.placement === 'products')))
    return 'depthwise convolutions stay in float as asked'
  for (const name of [...unit.reads, ...unit.writes]) {
    const dtype = facts.dtype?.(name)
    // Float64 from a head that computes coordinates so: QuantizeLinear takes none.
    if (dtype !== undefined && dtype !== 'float32')
      return `its value ${name} is ${dtype}, and codes are made of float32`
  }
  for (const name of unit.reads) {
    const range = ranges.get(name)
    if (!range) return `no calibrated range for its input ${name}`
    if (!Number.isFinite(range.min) || !Number.isFinite(range.max)) return `its input ${name} is not finite`
  }
  if (unit.rule.kind === 'movement') return undefined
  for (const name of unit.writes) {
    const range = ranges.get(name)
    if (!range) return `no calibrated range for its output ${name}`
    if (!Number.isFinite(range.min) || !Number.isFinite(range.max)) return `its output ${name} is not finite`
  }
  const spread = unit.rule.kind === 'product' ? spreadOfParts(unit.writes[0]!, index, ranges) : 1
  if (spread > MOST_SPREAD)
    return `its channels are split into parts whose ranges differ ${spread.toFixed(0)}-fold, which one scale would not hold`
  if (unit.node.opType !== 'GlobalAveragePool') return undefined
  const [read, written] = [unit.reads[0]!, unit.writes[0]!]
  return refuseMean(ranges.get(read)!, ranges.get(written)!, facts.shape?.(read))
}

/** Parts of a value whose ranges differ more than this lose two bits and more under one scale. */
const MOST_SPREAD = 4

/** How many times as wide the widest part of a value is as its narrowest, where its channels are only split. */
function spreadOfParts(name: string, index: GraphIndex, ranges: ReadonlyMap<string, ObservedRange>): number {
  const [split, ...others] = index.consumers.get(name) ?? []
  if (others.length > 0 || split?.opType !== 'Split' || index.outputs.has(name)) return 1
  const widths = split.outputs.flatMap((part) => {
    const range = ranges.get(part)
    return range ? [Math.max(range.max, 0) - Math.min(range.min, 0)] : []
  })
  return widths.length < split.outputs.length ? 1 : Math.max(...widths) / Math.min(...widths)
}

/** Whether any node of the unit is meant by these node names, first outputs or operators. */
function isNamed(unit: Unit, names: ReadonlySet<string>): boolean {
  return [unit.node, ...partsBehind(unit)].some(
    (node) =>
      names.has(node.name) || names.has(node.outputs[0]!) || (node === unit.node && names.has(operatorName(node))),
  )
}

/** A node that stays in float as the report names it; none that is not worth a word. */
export function floatNode(
  node: Node,
  reason: string | undefined,
  { facts, ranges }: PlanContext,
  data: ReadonlySet<string>,
): readonly Refusal[] {
  // Only nodes that compute on float values are worth one; shape arithmetic is none of them, nor is what reads codes.
  const isOnFloat =
    [...node.inputs, ...node.outputs].some((name) => ranges.has(name)) ||
    (!hasNestedGraphs(node) &&
      !readsCodes(node, facts) &&
      [...node.inputs, ...node.outputs].some((name) => data.has(name)))
  if (reason === undefined && !isOnFloat) return []
  if (node.outputs.every((name) => facts.dtype?.(name)?.includes('float') === false)) return []
  return [{ node: nodeLabel(node), reason: reason ?? noRule(node) }]
}

/** Whether a node has an integer kernel as it stands, or makes floats of codes: a file that comes with some keeps them. */
const readsCodes = (node: Node, { dtype }: NodeFacts) =>
  operatorName(node) !== 'Cast' && /^u?int[248]$/.test(dtype?.(node.inputs[0] ?? '') ?? '')

/**
 * Why the placement left a node in float, with the two figures that decided. They are of the node alone: where its
 * integers are no slower, what lost is the price of the conversions at the borders, and the reason says so.
 */
export function whyCheaperInFloat(
  { float, integer }: UnitCost,
  measured: boolean,
  { noiseBudget }: PlanOptions,
): string {
  const alone =
    integer < float
      ? 'the conversions around it cost more than its integers save'
      : 'float is cheaper between its neighbours'
  const reason =
    noiseBudget === undefined ? alone : `${alone}, or its rounding would disturb the outputs more than it saves`
  const ms = (ns: number) => Number((ns / 1e6).toPrecision(3))
  const figures = [`${ms(float)} ms ${measured ? 'here ' : ''}in float`, `${ms(integer)} ms in integers`]
  return `${reason} (${figures.join(', ')}${measured ? '' : ', by formulas'})`
}

function noRule(node: Node): string {
  const name = operatorName(node)
  return floatReasons[name] ?? `the runtime has no integer kernel for ${name}`
}
