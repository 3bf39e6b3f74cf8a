import { lnBeta } from './distributions.ts'

/** Outcomes less likely than this are left out of the sums. */
const NEGLIGIBLE = 1e-9

/** A count, and how likely it is. */
export interface Outcome {
  readonly count: number
  readonly probability: number
}

/**
 * How many of `rows` fresh rows will be counted where `counted` of `n` were: what is not negligible, fewest first. The
 * posterior predictive under Jeffreys' prior Beta(½, ½), which is beta-binomial (A. Gelman et al., Bayesian Data Analysis,
 * 3rd ed. 2013, sections 2.4 and 2.8).
 *
 * @param counted And `n`: need not be whole, as effective counts are not.
 * @param rows Whole.
 */
export function predictive(counted: number, n: number, rows: number): readonly Outcome[] {
  const [a, b] = [counted + 0.5, Math.max(0, n - counted) + 0.5]
  const middle = Math.floor((rows * a) / (a + b))
  const at = Math.exp(
    lnBeta(middle + a, rows - middle + b) - lnBeta(a, b) - lnBeta(rows - middle + 1, middle + 1) - Math.log(rows + 1),
  )
  const outcomes: Outcome[] = []
  // From the middle either way, each from its neighbour.
  for (let [count, probability] = [middle, at]; count >= 0 && probability >= NEGLIGIBLE; count--) {
    outcomes.push({ count, probability })
    probability *= (count * (rows - count + b)) / ((rows - count + 1) * (count - 1 + a))
  }
  outcomes.reverse()
  for (let [count, probability] = [middle, at]; count < rows; ) {
    probability *= ((rows - count) * (count + a)) / ((count + 1) * (rows - count - 1 + b))
    count++
    if (probability < NEGLIGIBLE) break
    outcomes.push({ count, probability })
  }
  return outcomes
}
