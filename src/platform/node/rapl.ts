import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A counter of energy: microjoules that wrap around. */
export interface EnergyCounter {
  readonly name: string
  readonly microjoules: number
  /** The counter starts again from 0 after this. */
  readonly range: number
}

/**
 * The energy counters of the processor's packages (RAPL by Linux's powercap), or why they cannot be read. Only whole
 * packages (`intel-rapl:0`): their parts are contained in them.
 */
export function readEnergy(root = '/sys/class/powercap'): readonly EnergyCounter[] | { readonly reason: string } {
  try {
    const zones = readdirSync(root).filter((name) => /^(intel|amd)-rapl:\d+$/.test(name))
    if (zones.length === 0) return { reason: 'this system shows no energy counter' }
    const value = (zone: string, file: string) => readFileSync(join(root, zone, file), 'utf8').trim()
    return zones.map((zone) => ({
      name: value(zone, 'name'),
      microjoules: Number(value(zone, 'energy_uj')),
      range: Number(value(zone, 'max_energy_range_uj')),
    }))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM') return { reason: 'the energy counters may only be read by root' }
    return { reason: 'this system shows no energy counter' }
  }
}

/** Joules between two readings, a wrap of each counter allowed for. */
export function joulesBetween(before: readonly EnergyCounter[], after: readonly EnergyCounter[]): number {
  return before.reduce((sum, { microjoules, range }, i) => {
    const delta = (after[i]?.microjoules ?? microjoules) - microjoules
    return sum + (delta < 0 ? delta + range : delta) / 1e6
  }, 0)
}
