import type { Feeds } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { workOfRun } from './work-of-run.ts'

/** Rows that the noise of a quantization is measured on, at least and at most. */
const [FEWEST, MOST] = [4, 64]
/** What all rows may take together (see `workOfRun`). */
const WORK = 2 ** 31

/**
 * How many rows the noise of a quantization is measured on, for a model that meets rows like this: where inputs have
 * long tails, four of them tell the noise of all to ten decibels, and rows of a small model cost next to nothing: of a
 * classifier of 64×64 pixels, whose probabilities are nearly 1 on some rows, four told 46.3 dB where all 130 keep 25.9;
 * the 21 that it is heard on tell 28.7.
 */
export function rowsForNoise(model: Model, row: Feeds | undefined): number {
  const work = workOfRun(model, row)
  return Number.isNaN(work) ? FEWEST : Math.min(MOST, Math.max(FEWEST, Math.floor(WORK / work)))
}
