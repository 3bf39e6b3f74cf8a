import type { ComparisonReport, ConfidenceCheck } from '../report/index.ts'
import type { ClassScores, Sureness } from './class-scores.ts'

const BINS = 15

/**
 * Reliability of both models: rows by the confidence of their answer in 15 bins of equal width (lo, hi], with the share
 * that is right. ECE = Σ (n_bin / n) |accuracy − confidence|.
 *
 * Source: C. Guo et al., On calibration of modern neural networks, arXiv 1706.04599 (2017), section 2.
 */
export function reliability(scores: ClassScores): ConfidenceCheck | null {
  const { labels } = scores
  if (labels === null) return null
  const [base, candidate] = [binned(scores.base, labels), binned(scores.candidate, labels)]
  if (base.rows === 0 || candidate.rows === 0) return null
  return {
    base: { ece: base.ece },
    candidate: { ece: candidate.ece },
    bins: Array.from({ length: BINS }, (_, bin) => ({
      from: bin / BINS,
      to: (bin + 1) / BINS,
      base: base.bins[bin]!,
      candidate: candidate.bins[bin]!,
    })),
  }
}

function binned({ confidence, answer }: Sureness, labels: readonly number[]) {
  const sums = Array.from({ length: BINS }, () => ({ n: 0, confidence: 0, right: 0 }))
  let rows = 0
  for (const [row, label] of labels.entries()) {
    const sure = confidence[row]!
    if (label < 0 || Number.isNaN(sure)) continue
    // A confidence on the border belongs to the bin below it.
    const bin = sums[Math.min(BINS - 1, Math.max(0, Math.ceil(sure * BINS - 1e-12) - 1))]!
    bin.n++
    bin.confidence += sure
    bin.right += answer[row] === label ? 1 : 0
    rows++
  }
  return {
    rows,
    ece: sums.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0) / Math.max(1, rows),
    bins: sums.map(({ n, confidence: sure, right }) => ({
      n,
      confidence: n > 0 ? sure / n : null,
      accuracy: n > 0 ? right / n : null,
    })),
  }
}

/** Mean, 99th percentile and greatest KL divergence over the rows that have one; null where none has. */
export function divergenceOf({ output, from, divergence }: ClassScores): ComparisonReport['divergence'] | null {
  const sorted = divergence.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return {
    output,
    from,
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p99: sorted[Math.ceil(0.99 * sorted.length) - 1]!,
    max: sorted.at(-1)!,
  }
}
