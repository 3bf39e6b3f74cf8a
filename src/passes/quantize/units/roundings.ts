import { nodeLabel } from '../../../ir/index.ts'
import type { SensitivityReport } from '../../../report/index.ts'
import { keepsCodes, type Unit } from './unit.ts'

/**
 * What roundings do to the outputs, as noise over signal. Roundings are nearly independent of each other, so their
 * powers add up.
 */
export interface Roundings {
  /** Of a value's codes: paid once, whichever of its maker and readers works in integers. */
  readonly value: (name: string) => number
  /** Of what lies inside the unit: weights, gates. */
  readonly inside: (unit: Unit) => number
  readonly total: (units: Iterable<Unit>) => number
}

/** By the noise that was measured of each rounding alone; one that was not measured makes none. */
export function roundingsOf(report: SensitivityReport): Roundings {
  const tables = { value: new Map<string, number>(), node: new Map<string, number>() }
  for (const { kind, name, noise } of report.sources) tables[kind].set(name, noise)
  const value = (name: string) => tables.value.get(name) ?? 0
  const inside = (unit: Unit) => tables.node.get(nodeLabel(unit.node)) ?? 0
  const total = (units: Iterable<Unit>) => {
    const values = new Set<string>()
    let sum = 0
    for (const unit of units) {
      sum += inside(unit)
      for (const name of roundedBy(unit)) values.add(name)
    }
    for (const name of values) sum += value(name)
    return sum
  }
  return { value, inside, total }
}

/** The values that are rounded where this unit works in integers. What it only moves, or gives as float, is not. */
export function roundedBy(unit: Unit): readonly string[] {
  return keepsCodes(unit) || unit.floatOutput ? unit.reads : [...unit.reads, ...unit.writes]
}
