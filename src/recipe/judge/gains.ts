import { gainStory } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelBytes } from '../../onnx/index.ts'
import type { ComparisonReport, LatencyReport } from '../../report/index.ts'

/** The comparison with what the candidate brings: its size against the base's, and its speed where both were timed. */
export function withGains(
  report: ComparisonReport,
  [base, candidate]: readonly [Model, Model],
  timing: LatencyReport | undefined,
): ComparisonReport {
  const [first, second, ratio] = [timing?.models[0], timing?.models[1], timing?.ratios[0]]
  const latency =
    timing && first && second && ratio
      ? {
          baseMs: first.p50Ms,
          candidateMs: second.p50Ms,
          ratio: ratio.median,
          ci: ratio.ci,
          threads: timing.threads,
          cpu: timing.cpu,
        }
      : undefined
  const gains = {
    bytes: { base: modelBytes(base), candidate: modelBytes(candidate) },
    ...(latency ? { latency } : {}),
  }
  return { ...report, gains, story: [...(report.story ?? []), gainStory(gains)] }
}
