import { logSumExp, softmax } from '../metric/probabilities.ts'

/**
 * Scores of rows that may be from elsewhere than the training data; a higher score says "out of distribution".
 */

/** 1 − the highest probability. Source: D. Hendrycks, K. Gimpel, arXiv 1610.02136 (2016). */
export const maximumSoftmax = (logits: ArrayLike<number>): number => {
  const probabilities = softmax(logits)
  return 1 - probabilities.reduce((most, value) => Math.max(most, value), 0)
}

/** The free energy −T ln Σ e^(z/T) at T = 1. Source: W. Liu et al., arXiv 2010.03759 (2020), equation 4. */
export const energy = (logits: ArrayLike<number>): number => -logSumExp(logits)

/**
 * The squared Mahalanobis distance to the nearest class mean, under one covariance of all classes about their means.
 *
 * Directions without variance (dead features) are given a millionth of the mean variance, so that the covariance can be
 * inverted. Classes without a fitted row have no mean.
 *
 * Source: K. Lee et al., arXiv 1807.03888 (2018), equations 1 and 2.
 */
export function mahalanobis(
  fit: readonly Float64Array[],
  classes: ArrayLike<number>,
): (features: Float64Array) => number {
  const size = fit[0]!.length
  const means = classMeans(fit, classes)
  const covariance = new Float64Array(size * size)
  for (const [i, row] of fit.entries()) {
    const mean = means.get(classes[i]!)!
    for (let a = 0; a < size; a++) {
      const da = row[a]! - mean[a]!
      if (da === 0) continue
      for (let b = 0; b <= a; b++) covariance[a * size + b]! += (da * (row[b]! - mean[b]!)) / fit.length
    }
  }
  let trace = 0
  for (let a = 0; a < size; a++) trace += covariance[a * size + a]!
  const ridge = trace > 0 ? (1e-6 * trace) / size : 1
  const isFull = cholesky(covariance, size, 0)
  const factor = isFull ?? cholesky(covariance, size, ridge)!
  return (features) => {
    let least = Infinity
    for (const mean of means.values()) least = Math.min(least, squaredNorm(solveLower(factor, size, features, mean)))
    return least
  }
}

function classMeans(rows: readonly Float64Array[], classes: ArrayLike<number>): Map<number, Float64Array> {
  const sums = new Map<number, { sum: Float64Array; n: number }>()
  for (const [i, row] of rows.entries()) {
    const found = sums.get(classes[i]!) ?? { sum: new Float64Array(row.length), n: 0 }
    sums.set(classes[i]!, found)
    found.n++
    for (let a = 0; a < row.length; a++) found.sum[a]! += row[a]!
  }
  return new Map([...sums].map(([name, { sum, n }]) => [name, sum.map((value) => value / n)]))
}

/** Lower triangle L with L Lᵀ = A + ridge; null where A is not clearly positive definite. */
function cholesky(matrix: Float64Array, size: number, ridge: number): Float64Array | null {
  const factor = new Float64Array(size * size)
  for (let a = 0; a < size; a++)
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * size + b]! + (a === b ? ridge : 0)
      for (let k = 0; k < b; k++) sum -= factor[a * size + k]! * factor[b * size + k]!
      if (a !== b) factor[a * size + b] = sum / factor[b * size + b]!
      else if (sum > 1e-10 * Math.max(Number.MIN_VALUE, matrix[a * size + a]! + ridge))
        factor[a * size + a] = Math.sqrt(sum)
      else return null
    }
  return factor
}

function solveLower(factor: Float64Array, size: number, x: Float64Array, mean: Float64Array): Float64Array {
  const result = new Float64Array(size)
  for (let a = 0; a < size; a++) {
    let sum = x[a]! - mean[a]!
    for (let k = 0; k < a; k++) sum -= factor[a * size + k]! * result[k]!
    result[a] = sum / factor[a * size + a]!
  }
  return result
}

const squaredNorm = (values: Float64Array) => values.reduce((sum, value) => sum + value * value, 0)

/**
 * Distance to the k-th nearest fitted row, both scaled to length 1. A row that was fitted is the nearest to itself.
 *
 * Source: Y. Sun et al., arXiv 2204.06507 (2022), section 3.
 */
export function nearestNeighbour(fit: readonly Float64Array[], k: number): (features: Float64Array) => number {
  const bank = fit.map(unit)
  return (features) => {
    const own = unit(features)
    // The k least squared distances so far, ascending.
    const least: number[] = []
    for (const row of bank) {
      const limit = least.length < k ? Infinity : least[k - 1]!
      let sum = 0
      for (let a = 0; a < own.length && sum < limit; a++) sum += (own[a]! - row[a]!) ** 2
      if (sum >= limit) continue
      let place = least.length
      while (place > 0 && least[place - 1]! > sum) place--
      least.splice(place, 0, sum)
      if (least.length > k) least.pop()
    }
    return Math.sqrt(least.at(-1) ?? Number.NaN)
  }
}

function unit(values: Float64Array): Float64Array {
  const norm = Math.sqrt(squaredNorm(values))
  return norm > 0 ? values.map((value) => value / norm) : values
}
