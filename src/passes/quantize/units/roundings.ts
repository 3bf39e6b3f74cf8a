import { nodeLabel } from '../../../ir/index.ts'
import type { SensitivityReport } from '../../../report/index.ts'
import { keepsCodes, type Unit } from './unit.ts'

/**
 * What roundings do to the outputs, as noise over signal. Roundings are nearly independent of each other, so their
 * powers add up.
 */
export interface Roundings {
  /**
   * The values that are rounded where this unit works in integers, those whose codes it only reads moved under the name
   * that they were rounded by. What it moves itself, or gives as float, is not.
   */
  readonly values: (unit: Unit) => readonly string[]
  /** Of a value's codes: paid once, whichever of its maker and readers works in integers. */
  readonly value: (name: string) => number
  /** Of what lies inside the unit: weights, gates. */
  readonly inside: (unit: Unit) => number
  readonly total: (units: Iterable<Unit>) => number
}

/**
 * By the noise that was measured of each rounding alone; one that was not measured makes none.
 *
 * @param movers All units that could move codes: a value behind one of them has the rounding of what it moved, wherever
 * on the way it is rounded, and was not measured by a name of its own.
 */
export function roundingsOf(report: SensitivityReport, movers: Iterable<Unit>): Roundings {
  const tables = { value: new Map<string, number>(), node: new Map<string, number>() }
  for (const { kind, name, noise } of report.sources) tables[kind].set(name, noise)
  const moved = new Map(
    [...movers].filter(keepsCodes).flatMap(({ reads, writes }) => writes.map((to) => [to, reads[0]!])),
  )
  const origin = (name: string) => {
    let at = name
    for (let from = moved.get(at); from !== undefined; from = moved.get(at)) at = from
    return at
  }
  const values = (unit: Unit) => {
    const { reads, writes } = unit
    return [...new Set((keepsCodes(unit) || unit.floatOutput ? reads : [...reads, ...writes]).map(origin))]
  }
  const value = (name: string) => tables.value.get(name) ?? 0
  const inside = (unit: Unit) => tables.node.get(nodeLabel(unit.node)) ?? 0
  const total = (units: Iterable<Unit>) => {
    const all = [...units]
    const rounded = new Set(all.flatMap(values))
    return all.reduce((sum, unit) => sum + inside(unit), 0) + [...rounded].reduce((sum, name) => sum + value(name), 0)
  }
  return { values, value, inside, total }
}
