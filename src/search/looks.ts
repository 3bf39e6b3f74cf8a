import { type CandidateSpec, KERNEL_WORK, type Workbench } from '../recipe/index.ts'

/** Processes and least runs of each model that is timed. */
const GENERATIONS = 3
const FEWEST_RUNS = 8

/**
 * Seconds that timing so many models takes at the least, and what kernels cost where they are timed as well, by what
 * opening and running the original took.
 */
export function lookingSeconds({ openMs, runMs }: Workbench['seen'], models: number, kernels: boolean): number {
  const opens = GENERATIONS * models + (kernels ? KERNEL_WORK.opens : 0)
  const runs = FEWEST_RUNS * models + (kernels ? KERNEL_WORK.runs : 0)
  return (opens * openMs + runs * runMs) / 1000
}

/** The first of these that can be timed beside the original within `seconds`. */
export function withinLooks(
  specs: readonly CandidateSpec[],
  seen: Workbench['seen'],
  seconds: number,
): readonly CandidateSpec[] {
  const fits = (some: readonly CandidateSpec[]) =>
    lookingSeconds(
      seen,
      some.length + 1,
      some.some(({ measuredCosts }) => measuredCosts),
    ) <= seconds
  const most = specs.findIndex((_, place) => !fits(specs.slice(0, place + 1)))
  return most === -1 ? specs : specs.slice(0, most)
}
