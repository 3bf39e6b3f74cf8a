import type { LouderMixture } from '../evaluate/index.ts'
import type { Trial } from './trial.ts'

/** Mixtures of more times the noise, in power, foretell too little: what changes goes faster than its amplitude then. */
const NEAR = 4

/** Mixtures of the same candidate with the same or more noise, by what was foretold, up to six decibels. */
export function louderMixtures(trial: Trial, trials: readonly Trial[]): readonly LouderMixture[] {
  const { spec, expectedNoise } = trial.built
  if (spec.mixtureOf === undefined || !expectedNoise) return []
  return trials.flatMap(({ built, comparison }) => {
    const { mixtureOf, base } = built.spec
    if (built === trial.built || mixtureOf !== spec.mixtureOf || base !== spec.base || !comparison) return []
    const times = (built.expectedNoise ?? 0) / expectedNoise
    return times >= 1 && times <= NEAR ? [{ comparison, amplitude: 1 / Math.sqrt(times) }] : []
  })
}
