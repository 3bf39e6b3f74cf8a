/** Price of noise, in nanoseconds for noise as strong as the signal, that is beyond what any kernel saves. */
const DEAREST = 1e18
const HALVINGS = 40

/**
 * The least time whose noise stays within the budget: a price on noise turns both into one cost, and the lowest price
 * that meets the budget is found by halving (Lagrangian relaxation: optimal for the noise that it reaches).
 *
 * @param cut What is of least cost under a price of noise, in nanoseconds for noise as strong as the signal.
 * @param noiseOf Noise over signal of that.
 */
export function cheapestWithin<T>(budget: number, cut: (price: number) => T, noiseOf: (chosen: T) => number): T {
  const free = cut(0)
  if (noiseOf(free) <= budget) return free
  let [low, high] = [0, Math.log(DEAREST)]
  let best = cut(DEAREST)
  for (let step = 0; step < HALVINGS && high - low > 0.02; step++) {
    const middle = (low + high) / 2
    const chosen = cut(Math.exp(middle))
    if (noiseOf(chosen) <= budget) {
      best = chosen
      high = middle
    } else low = middle
  }
  return best
}
