import type { Session } from '../../engine/index.ts'
import type { Head } from './head.ts'

/** A model of the measure: its session, what reports call it, and what its graph shows behind an output. */
export interface RobustnessSubject {
  readonly path: string
  readonly digest: string
  readonly session: Session
  head(output: string): Head
}
