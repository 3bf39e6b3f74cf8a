import type { RolloutSettings } from '../../report/index.ts'
import { simulate, type Versions } from '../../rollout/index.ts'

// This module runs on a thread of its own: the requests of a server do not wait for a drill.

/** One made-up rollout of a rehearsal. */
export interface DrillRun {
  readonly versions: Versions
  readonly settings: RolloutSettings
  readonly seed: number
  readonly pairs: number
  readonly labelled: boolean
}

/** Pairs after which the version was rolled back; null where it was not. */
export function drillRun({ versions, settings, ...run }: DrillRun): number | null {
  const { state, pairs, labelled } = simulate(versions, settings, run)
  return state === 'rolled-back' ? Math.max(pairs, labelled) : null
}
