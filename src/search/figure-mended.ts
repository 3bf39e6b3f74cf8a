import type { Pool } from './pool.ts'
import { decibelsMissing, type Trial } from './trial.ts'

/**
 * What a decibel less noise costs of the goal's figure, by float in places: 1 to 7 % of the time on detectors and
 * recognisers of text.
 */
const DECIBEL = 0.04

/** The goal's figure that a candidate is likely to have once float in places makes it quiet enough. */
export const figureMended = (pool: Pool, trial: Trial): number =>
  pool.figure(trial) * Math.exp(DECIBEL * decibelsMissing(trial))
