import { type Node, nodeLabel } from '../../../ir/index.ts'
import type { SensitivityReport } from '../../../report/index.ts'
import { keepsCodes, type Unit } from './unit.ts'

/** What says where a unit rounds. */
export type Rounding = Pick<Unit, 'node' | 'rule' | 'reads' | 'writes' | 'floatOutput'>

/**
 * What roundings do to the outputs, as noise over signal. Roundings are nearly independent of each other, so their
 * powers add up.
 */
export interface Roundings {
  /**
   * The values that are rounded where this unit works in integers, those whose codes it only reads moved under the name
   * that they were rounded by. What it moves itself, or gives as float, is not.
   */
  readonly values: (unit: Rounding) => readonly string[]
  /** Of a value's codes: paid once, whichever of its maker and readers works in integers. */
  readonly value: (name: string) => number
  /** Of what lies inside the unit: weights, gates. */
  readonly inside: (unit: Rounding) => number
  readonly total: (units: Iterable<Rounding>) => number
  /** Why the effect of the roundings of this unit is unknown; undefined where each was measured or does nothing. */
  readonly unknown: (unit: Rounding) => string | undefined
}

/**
 * The value that the rounding of a value is that of: itself, or what lies before the units that only move codes.
 *
 * @param units All units that could be integer kernels.
 */
export function originsAmong(units: Iterable<Unit>): (name: string) => string {
  const moved = new Map(
    [...units].filter(keepsCodes).flatMap(({ reads, writes }) => writes.map((to) => [to, reads[0]!])),
  )
  return (name) => {
    let at = name
    for (let from = moved.get(at); from !== undefined; from = moved.get(at)) at = from
    return at
  }
}

/**
 * By the noise that was measured of each rounding alone; one that was not measured, and is not unknown, makes none.
 *
 * @param origin Where the rounding of a value that was moved has its name from: it is the same wherever on the way.
 */
export function roundingsOf(report: SensitivityReport, origin: (name: string) => string): Roundings {
  const tables = { value: new Map<string, number>(), node: new Map<string, number>() }
  for (const { kind, name, noise } of report.sources) tables[kind].set(name, noise)
  const reasons = { value: new Map<string, string>(), node: new Map<string, string>() }
  for (const { kind, name, reason } of report.unknown ?? []) reasons[kind].set(name, reason)
  const values = (unit: Rounding) => {
    const { reads, writes } = unit
    return [...new Set((keepsCodes(unit) || unit.floatOutput ? reads : [...reads, ...writes]).map(origin))]
  }
  const value = (name: string) => tables.value.get(name) ?? 0
  const inside = (unit: Rounding) => tables.node.get(nodeLabel(unit.node)) ?? 0
  const total = (units: Iterable<Rounding>) => {
    const all = [...units]
    const rounded = new Set(all.flatMap(values))
    return all.reduce((sum, unit) => sum + inside(unit), 0) + [...rounded].reduce((sum, name) => sum + value(name), 0)
  }
  const unknown = (unit: Rounding) =>
    [...values(unit).map((name) => reasons.value.get(name)), reasons.node.get(nodeLabel(unit.node))].find(
      (reason) => reason !== undefined,
    )
  return { values, value, inside, total, unknown }
}

/** The units whose roundings have an unknown effect, with the reason. */
export function unknownAmong(units: ReadonlyMap<Node, Unit>, { unknown }: Roundings): ReadonlyMap<Node, string> {
  return new Map(
    [...units].flatMap(([node, unit]) => {
      const reason = unknown(unit)
      return reason === undefined ? [] : [[node, `what its rounding does to the outputs cannot be told: ${reason}`]]
    }),
  )
}
