import { type CandidateSpec, kernelWork, profiledRuns, type Workbench } from '../recipe/index.ts'

/** Share of what is left beside the proof that timings of new candidates and the costs of kernels may take. */
export const FIRST_LOOKS = 1 / 3
/** Rows that ranges are taken from where there is little time. */
export const FEWEST_RANGE_ROWS = 8
/** Processes and least runs of each model that is timed. */
const GENERATIONS = 3
const FEWEST_RUNS = 8

/**
 * Seconds that timing so many models takes at the least, and what kernels cost where they are timed as well, by what
 * opening and running the original took.
 */
export function lookingSeconds({ openMs, runMs }: Workbench['seen'], models: number, kernels: boolean): number {
  const work = kernels ? kernelWork(runMs) : { opens: 0, runs: 0 }
  const opens = GENERATIONS * models + work.opens
  const runs = FEWEST_RUNS * models + work.runs
  return (opens * openMs + runs * runMs) / 1000
}

/** Runs of each model that show whether it is warm, and generations of processes that a short timing takes. */
const WARMING = { opens: 2, runs: 2 * 3 } as const

/** Seconds that so many models take to be opened and warm in front of a timing that is short. */
export const warmSeconds = ({ openMs, runMs }: Workbench['seen'], models: number): number =>
  (models * (WARMING.opens * openMs + WARMING.runs * runMs)) / 1000

/** How often a candidate is opened until it was judged once: to read its kernels, and in two processes that judge it. */
const OPENED = 3

/** Seconds that this takes of each. */
export const openedSeconds = ({ openMs }: Workbench['seen']): number => (OPENED * openMs) / 1000

/** Sessions that ranges and channels are read with, and how many times as long as a plain run each of their runs takes. */
const READING = { opens: 2, runs: 2 * 2 } as const

/** Seconds that reading ranges of so many rows takes, by the same. */
const rangingSeconds = ({ openMs, runMs }: Workbench['seen'], rows: number): number =>
  (READING.opens * openMs + READING.runs * rows * runMs) / 1000

/**
 * What mixing float in is made of where nothing is known of roundings: sessions that follow them, and how many times as
 * long as a plain run each of these takes; and sessions and runs that build, judge and time two mixtures.
 */
const FOLLOWING = { opens: 3, runs: 12 } as const
const MIXTURES = { opens: 8, runs: 64 } as const

/** Seconds that following roundings back in so many runs takes, by what opening and running the original took. */
export const followingSeconds = ({ openMs, runMs }: Workbench['seen'], runs: number): number =>
  (FOLLOWING.opens * openMs + FOLLOWING.runs * runs * runMs) / 1000

/** Seconds that a mixture of float and integers takes, where its noise is measured in so many runs. */
export const mixingSeconds = (seen: Workbench['seen'], runs: number, kernels: boolean): number =>
  followingSeconds(seen, runs) +
  lookingSeconds(seen, 0, kernels) +
  (MIXTURES.opens * seen.openMs + MIXTURES.runs * seen.runMs) / 1000

/** What is opened and run behind the proof: profiles of two models, and rows beside others in a batch. */
const CLOSING = { opens: 4, profiles: 2, runs: 16 } as const

/** Seconds that what is told in the end takes, by the same. */
export const closingSeconds = ({ openMs, runMs }: Workbench['seen']): number =>
  (CLOSING.opens * openMs + (CLOSING.profiles * profiledRuns(runMs).all + CLOSING.runs) * runMs) / 1000

/**
 * The first of these that can be built, read the ranges for and timed beside the original within `seconds`.
 *
 * @param building Seconds that building one takes.
 */
export function withinLooks(
  specs: readonly CandidateSpec[],
  seen: Workbench['seen'],
  seconds: number,
  building: number,
): readonly CandidateSpec[] {
  const secondsFor = (some: readonly CandidateSpec[]) =>
    some.length * building +
    (some.some(({ scheme }) => scheme === 'static-int8') ? rangingSeconds(seen, FEWEST_RANGE_ROWS) : 0) +
    lookingSeconds(
      seen,
      some.length + 1,
      some.some(({ measuredCosts }) => measuredCosts),
    )
  const most = specs.findIndex((_, place) => secondsFor(specs.slice(0, place + 1)) > seconds)
  return most === -1 ? specs : specs.slice(0, most)
}
