import { betaCdf } from './distributions.ts'
import { median } from './median.ts'
import { randomSource, standardNormal } from './random.ts'
import type { TwoSampleResult } from './two-sample.ts'

/** Random frequencies; each gives a cosine and a sine. */
const FREQUENCIES = 5
/** Vectors whose distances say how wide the kernel is. */
const WIDTH_VECTORS = 100
/** Keeps the covariance of features that do not vary invertible. */
const RIDGE = 1e-9

/**
 * Whether two samples of vectors come from one source: the maximum mean discrepancy under a Gaussian kernel (its width
 * the median distance within `a`), seen through random Fourier features. `statistic` is that distance, 0 where the
 * features agree and about 1 where the samples share nothing. p comes from Hotelling's T² of the features' means with
 * separate covariances, referred to F with the smaller sample's degrees of freedom, which errs towards no alarm: no
 * shuffling is needed, so that small levels can be reached.
 *
 * Source: A. Gretton et al., JMLR 13 (2012), for the distance; K. Chwialkowski et al., NeurIPS 2015, section 2, for the
 * test with few features; A. Rahimi and B. Recht, NeurIPS 2007, for the features.
 *
 * @throws RangeError where a sample has fewer vectors than the test has features, or a vector another length.
 */
export function kernelTwoSample(a: readonly Vector[], b: readonly Vector[], seed = 0): TwoSampleResult {
  const width = a[0]?.length ?? 0
  if ([...a, ...b].some((vector) => vector.length !== width)) throw new RangeError('vectors differ in length')
  const features = 2 * FREQUENCIES
  const degrees = Math.min(a.length, b.length) - 1
  if (degrees <= features) throw new RangeError(`each sample needs more than ${features + 1} vectors`)
  const random = randomSource(seed)
  const scale = 1 / medianDistance(a.slice(0, WIDTH_VECTORS))
  const frequencies = Array.from({ length: FREQUENCIES }, () =>
    Array.from({ length: width }, () => scale * standardNormal(random)),
  )
  const [first, second] = [meanOf(a, frequencies), meanOf(b, frequencies)]
  const difference = first.mean.map((value, i) => value - second.mean[i]!)
  const covariance = first.covariance.map((row, i) =>
    row.map((value, j) => value / a.length + second.covariance[i]![j]! / b.length + (i === j ? RIDGE / a.length : 0)),
  )
  const solved = solve(covariance, difference)
  const squared = difference.reduce((sum, value, i) => sum + value * solved[i]!, 0)
  const rest = degrees - features + 1
  const f = Math.max(0, (squared * rest) / (degrees * features))
  return {
    statistic: Math.sqrt(difference.reduce((sum, value) => sum + value * value, 0) / FREQUENCIES),
    p: betaCdf(rest / (rest + features * f), rest / 2, features / 2),
  }
}

type Vector = readonly number[]

/** Within the sample; 1 where more than half of its vectors are the same. */
function medianDistance(vectors: readonly Vector[]): number {
  const distances = vectors.flatMap((one, i) =>
    vectors.slice(i + 1).map((other) => Math.hypot(...one.map((value, k) => value - other[k]!))),
  )
  return median(distances) || 1
}

function meanOf(vectors: readonly Vector[], frequencies: readonly Vector[]) {
  const rows = vectors.map((vector) =>
    frequencies.flatMap((frequency) => {
      const angle = frequency.reduce((sum, weight, i) => sum + weight * vector[i]!, 0)
      return [Math.cos(angle), Math.sin(angle)]
    }),
  )
  const size = 2 * frequencies.length
  const mean = Array.from({ length: size }, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length)
  const covariance = mean.map((centre, i) =>
    mean.map(
      (other, j) => rows.reduce((sum, row) => sum + (row[i]! - centre) * (row[j]! - other), 0) / (rows.length - 1),
    ),
  )
  return { mean, covariance }
}

/** x of A·x = y for a symmetric positive A: elimination needs no exchange of rows there. */
function solve(matrix: readonly Vector[], right: Vector): readonly number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  const n = rows.length
  for (let k = 0; k < n; k++)
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!
      for (let j = k; j <= n; j++) rows[i]![j] = rows[i]![j]! - factor * rows[k]![j]!
    }
  const x = new Array<number>(n).fill(0)
  for (let k = n - 1; k >= 0; k--) {
    const known = x.reduce((sum, value, j) => (j > k ? sum + rows[k]![j]! * value : sum), 0)
    x[k] = (rows[k]![n]! - known) / rows[k]![k]!
  }
  return x
}
