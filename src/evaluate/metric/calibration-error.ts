import { logSumExp, softmax, topOf } from './probabilities.ts'

/** Rows with the confidence of their answer (the probability of the top class) and whether it was right. */
export interface Confidences {
  readonly confidence: ArrayLike<number>
  readonly right: ArrayLike<boolean>
}

/** Rows whose confidence lies in (from, to], with their means; null where there are none. */
export interface ReliabilityBin {
  readonly from: number
  readonly to: number
  readonly n: number
  readonly confidence: number | null
  readonly accuracy: number | null
}

/** Rows by confidence in bins of equal width, (lo, hi] as in the paper. */
export function reliabilityBins({ confidence, right }: Confidences, bins = 15): readonly ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ n: 0, confidence: 0, right: 0 }))
  for (let i = 0; i < confidence.length; i++) {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(confidence[i]! * bins - 1e-12) - 1))]!
    bin.n++
    bin.confidence += confidence[i]!
    bin.right += right[i] ? 1 : 0
  }
  return sums.map((sum, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    n: sum.n,
    confidence: sum.n > 0 ? sum.confidence / sum.n : null,
    accuracy: sum.n > 0 ? sum.right / sum.n : null,
  }))
}

/**
 * Expected calibration error: Σ (n_b / n) |accuracy_b − confidence_b| over bins of equal width. NaN without rows.
 *
 * Source: C. Guo et al., On calibration of modern neural networks, arXiv 1706.04599 (2017), equation 3.
 */
export function expectedCalibrationError(rows: Confidences, bins = 15): number {
  const n = rows.confidence.length
  const found = reliabilityBins(rows, bins)
  return n === 0
    ? Number.NaN
    : found.reduce((sum, bin) => sum + (bin.n / n) * Math.abs((bin.accuracy ?? 0) - (bin.confidence ?? 0)), 0)
}

/**
 * The same over bins of equal mass: rows sorted by confidence, cut into parts whose sizes differ by one at most (the
 * larger ones first). Other tools call this ECE too; it is another number.
 */
export function equalMassCalibrationError({ confidence, right }: Confidences, bins = 15): number {
  const n = confidence.length
  if (n === 0) return Number.NaN
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => confidence[a]! - confidence[b]!)
  let [error, from] = [0, 0]
  for (let bin = 0; bin < bins; bin++) {
    const to = from + Math.floor(n / bins) + (bin < n % bins ? 1 : 0)
    let gap = 0
    for (let k = from; k < to; k++) gap += (right[order[k]!] ? 1 : 0) - confidence[order[k]!]!
    error += Math.abs(gap)
    from = to
  }
  return error / n
}

/**
 * Area under the risk-coverage curve: the mean, over all coverages, of the share of mistakes among the rows that the model
 * is surest of. Below the plain error where doubt goes with mistakes; lower is better. Rows of equal confidence stand for
 * each other: each counts as the mean of them. NaN without rows.
 *
 * Source: Y. Geifman, G. Uziel and R. El-Yaniv, Bias-Reduced Uncertainty Estimation, arXiv 1805.08206 (2018), section 2.
 */
export function riskCoverageArea({ confidence, right }: Confidences): number {
  const order = Array.from({ length: confidence.length }, (_, i) => i).sort((a, b) => confidence[b]! - confidence[a]!)
  let [wrong, sum] = [0, 0]
  for (let from = 0; from < order.length; ) {
    let [to, among] = [from, 0]
    for (; to < order.length && confidence[order[to]!] === confidence[order[from]!]; to++)
      if (!right[order[to]!]) among++
    for (let k = from; k < to; k++) sum += (wrong + (among * (k + 1 - from)) / (to - from)) / (k + 1)
    wrong += among
    from = to
  }
  return order.length === 0 ? Number.NaN : sum / order.length
}

/**
 * The temperature that makes the mean negative log-likelihood of softmax(z / T) least: golden-section search over ln T
 * (the likelihood is convex in 1/T), within [1/100, 100], where right answers alone send it to the end.
 *
 * Source: C. Guo et al. (2017), section 4.2.
 */
export function bestTemperature(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
): { readonly temperature: number; readonly nll: number } {
  const nllAt = (lnT: number) => {
    const temperature = Math.exp(lnT)
    let sum = 0
    for (const [i, row] of logits.entries()) {
      const scaled = Float64Array.from(row, (value) => value / temperature)
      sum += logSumExp(scaled) - scaled[labels[i]!]!
    }
    return sum / logits.length
  }
  const golden = (Math.sqrt(5) - 1) / 2
  let [low, high] = [Math.log(0.01), Math.log(100)]
  let [a, b] = [high - golden * (high - low), low + golden * (high - low)]
  let [atA, atB] = [nllAt(a), nllAt(b)]
  while (high - low > 1e-9) {
    if (atA < atB) {
      high = b
      ;[b, atB] = [a, atA]
      a = high - golden * (high - low)
      atA = nllAt(a)
    } else {
      low = a
      ;[a, atA] = [b, atB]
      b = low + golden * (high - low)
      atB = nllAt(b)
    }
  }
  const middle = (low + high) / 2
  return { temperature: Math.exp(middle), nll: nllAt(middle) }
}

/** Confidence and rightness of every row at a temperature. */
export function confidencesOf(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  temperature = 1,
): Confidences {
  const confidence = new Float64Array(logits.length)
  const right = new Array<boolean>(logits.length)
  for (const [i, row] of logits.entries()) {
    const own = topOf(softmax(row, temperature))
    confidence[i] = own.confidence
    right[i] = own.top === labels[i]
  }
  return { confidence, right }
}
