import type { RolloutSettings } from '../report/index.ts'
import { randomSource } from '../statistics/index.ts'
import { observe, observeLabel, type RolloutState, startState } from './rollout-state.ts'

/** Two versions that a seed makes up: how often each answers what the other does not. */
export interface Versions {
  /** Share of requests that only the baseline answers right, and only the candidate. */
  readonly baseOnly: number
  readonly candidateOnly: number
}

export const DEFAULT_ROLLOUT: RolloutSettings = {
  mode: 'shadow',
  share: 0.1,
  margin: 0.01,
  alpha: 0.01,
  maxDisagreement: 0.02,
  maxErrors: 0.01,
  maxSlowdown: 1.5,
  labels: false,
  promote: true,
}

/** What became of a made-up rollout that was looked at after every pair, `pairs` of them at most. */
export function simulate(
  versions: Versions,
  settings: RolloutSettings,
  run: { readonly seed: number; readonly pairs: number; readonly labelled: boolean },
): RolloutState {
  const random = randomSource(run.seed)
  let state = startState(settings)
  for (let i = 0; i < run.pairs && state.state === 'running'; i++) {
    const draw = random.uniform()
    const difference = draw < versions.baseOnly ? 1 : draw < versions.baseOnly + versions.candidateOnly ? -1 : 0
    // The label is there before the next request: a pair that is judged is not also counted as merely changed.
    if (run.labelled) state = observeLabel(state, difference)
    state = observe(state, {
      disagreement: Math.abs(difference),
      baseFailed: false,
      candidateFailed: false,
      baseMs: null,
      candidateMs: null,
    })
  }
  return state
}
