const MOST_STEPS = 10_000
/** Greatest change of a part of the direction between two steps, below which it has settled. */
const SETTLED = 1e-15

/**
 * Rows that a backdoor may have put among those of one class: the squared projection of each row's features, their mean
 * taken away, on the direction of greatest variance. Poisoned rows stand out there. `suspects` are the 1.5 · `share` · n
 * rows with the highest score (share: how many may be poisoned), in ascending order. Give it the features of one class
 * at a time: between classes the greatest direction is the classes themselves. Without the mean taken away, as some
 * published code does it, moving one feature by a constant hides everything.
 *
 * Source: B. Tran, J. Li and A. Mądry, Spectral Signatures in Backdoor Attacks, arXiv 1811.00636 (2018), algorithm 1.
 *
 * @param features one row of numbers a sample, all of the same length: usually what the last layer takes
 * @throws RangeError for rows of different lengths, numbers that are not finite, or a share outside (0, 2/3].
 */
export function spectralSignature(
  features: readonly ArrayLike<number>[],
  share: number,
): { readonly scores: Float64Array; readonly suspects: readonly number[] } {
  if (!(share > 0 && share <= 2 / 3)) throw new RangeError(`share must lie in (0, 2/3], got ${share}`)
  const centred = centre(features)
  const direction = greatestDirection(centred)
  const scores = Float64Array.from(centred, (row) => dot(row, direction) ** 2)
  const count = Math.floor(1.5 * share * features.length + 1e-9)
  const order = Array.from(scores.keys()).sort((i, j) => scores[j]! - scores[i]! || i - j)
  return { scores, suspects: order.slice(0, count).sort((i, j) => i - j) }
}

function centre(features: readonly ArrayLike<number>[]): readonly Float64Array[] {
  const width = features[0]?.length ?? 0
  const mean = new Float64Array(width)
  for (const [i, row] of features.entries()) {
    if (row.length !== width) throw new RangeError(`row ${i} has ${row.length} features, row 0 has ${width}`)
    for (let j = 0; j < width; j++) {
      if (!Number.isFinite(row[j]!)) throw new RangeError(`feature ${j} of row ${i} is ${row[j]}`)
      mean[j]! += row[j]! / features.length
    }
  }
  return features.map((row) => Float64Array.from(row, (value, j) => value - mean[j]!))
}

/** The first right singular vector, by power iteration on RᵀR without forming it: O(n · width) a step. */
function greatestDirection(rows: readonly Float64Array[]): Float64Array {
  // The longest row is never orthogonal to all of the variance.
  const start = rows.reduce(
    (most, row) => (dot(row, row) > dot(most, most) ? row : most),
    rows[0] ?? new Float64Array(0),
  )
  let direction = unit(start)
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = new Float64Array(direction.length)
    for (const row of rows) {
      const along = dot(row, direction)
      for (let j = 0; j < next.length; j++) next[j]! += along * row[j]!
    }
    const turned = unit(next)
    const moved = turned.reduce((most, part, j) => Math.max(most, Math.abs(part - direction[j]!)), 0)
    direction = turned
    if (moved < SETTLED) break
  }
  return direction
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!
  return sum
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? vector : vector.map((value) => value / length)
}
