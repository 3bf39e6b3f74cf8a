/** The arithmetic mean; NaN of none. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

/** The arithmetic mean of the values in these places; NaN of none. */
export function meanAt(values: ArrayLike<number>, places: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < places.length; i++) sum += values[places[i]!]!
  return sum / places.length
}

/** Σ (x − mean)²: the variance, once divided by as many as there are, or by one less where they are a sample. */
export function squaredDeviations(values: ArrayLike<number>): number {
  const middle = mean(values)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i]! - middle) ** 2
  return sum
}
