import type { CandidateResult, OptimizationReport } from '../report/index.ts'

/**
 * A candidate's times at the pace that the machine had when the original of the report was timed. Candidates are timed at
 * many moments, each beside the original, and a machine may be twice as fast at one of them as at another: as measured, one
 * that is faster than the original could be told with more milliseconds than that. The median is the paired ratio times
 * the original's; p99 moves by as much, but for what is handed out, which was timed in one run with that original.
 */
export function atPaceOf(
  baseline: Pick<OptimizationReport['baseline'], 'p50Ms'>,
  result: CandidateResult,
  handedOut: boolean,
): CandidateResult {
  const { ratio, p50Ms, p99Ms } = result
  if (!ratio || !p50Ms) return result
  const told = ratio.median * baseline.p50Ms
  return { ...result, p50Ms: told, ...(p99Ms && !handedOut ? { p99Ms: (p99Ms * told) / p50Ms } : {}) }
}
