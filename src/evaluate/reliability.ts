import type { ComparisonReport, ConfidenceCheck } from '../report/index.ts'
import { mean, nearestRank } from '../statistics/index.ts'
import {
  type Confidences,
  expectedCalibrationError,
  type ReliabilityBin,
  reliabilityBins,
} from './metric/calibration-error.ts'
import type { ClassScores, Sureness } from './metric/class-scores.ts'

/** Reliability of both models: rows by the confidence of their answer, with the share that is right. */
export function reliability(scores: ClassScores): ConfidenceCheck | null {
  const { labels } = scores
  if (labels === null) return null
  const [base, candidate] = [confidences(scores.base, labels), confidences(scores.candidate, labels)]
  if (base.right.length === 0 || candidate.right.length === 0) return null
  const [baseBins, candidateBins] = [reliabilityBins(base), reliabilityBins(candidate)]
  const shown = ({ n, confidence, accuracy }: ReliabilityBin) => ({ n, confidence, accuracy })
  return {
    base: { ece: expectedCalibrationError(base) },
    candidate: { ece: expectedCalibrationError(candidate) },
    bins: baseBins.map((bin, i) => ({
      from: bin.from,
      to: bin.to,
      base: shown(bin),
      candidate: shown(candidateBins[i]!),
    })),
  }
}

/** The rows that have a label and a confidence. */
function confidences({ confidence, answer }: Sureness, labels: readonly number[]): Confidences {
  const rows = labels.flatMap((label, row) => (label >= 0 && !Number.isNaN(confidence[row]!) ? [row] : []))
  return {
    confidence: rows.map((row) => confidence[row]!),
    right: rows.map((row) => answer[row] === labels[row]),
  }
}

/** Mean, 99th percentile and greatest KL divergence over the rows that have one; null where none has. */
export function divergenceOf({ output, from, divergence }: ClassScores): ComparisonReport['divergence'] | null {
  const sorted = divergence.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return {
    output,
    from,
    mean: mean(sorted),
    p99: nearestRank(sorted, 0.99),
    max: sorted.at(-1)!,
  }
}
