import { chdtrc, compiled, incbet, incbi, lgam, ndtr, ndtri } from 'cephes'

// The functions are WebAssembly that compiles when the module loads (a few ms); after this line all are synchronous.
await compiled

/** P(Z ≤ x) of the standard normal. */
export const normalCdf = (x: number): number => ndtr(x)

/** P(Z > x) of the standard normal, exact in the far tail. */
export const normalSurvival = (x: number): number => ndtr(-x)

/** The x with P(Z ≤ x) = p of the standard normal. */
export function normalQuantile(p: number): number {
  if (p <= 0) return -Infinity
  if (p >= 1) return Infinity
  return ndtri(p)
}

/** Regularised incomplete beta function I_x(a, b), the cumulative distribution of Beta(a, b). */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  return incbet(a, b, x)
}

/** The x with I_x(a, b) = p. */
export function betaQuantile(p: number, a: number, b: number): number {
  if (p <= 0) return 0
  if (p >= 1) return 1
  return incbi(a, b, p)
}

/**
 * P(T > t) of Student's t with `degrees` degrees of freedom, not only whole ones, above 0: ½ I_{ν/(ν+t²)}(ν/2, ½) where t
 * is above 0. With infinitely many it is normal.
 */
export function studentSurvival(t: number, degrees: number): number {
  if (degrees === Infinity) return normalSurvival(t)
  const tail = betaCdf(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
  return t < 0 ? 1 - tail : tail
}

/** The t with P(T ≤ t) = p of Student's t. */
export function studentQuantile(p: number, degrees: number): number {
  if (degrees === Infinity) return normalQuantile(p)
  if (p < 0.5) return -studentQuantile(1 - p, degrees)
  const x = betaQuantile(2 * (1 - p), degrees / 2, 0.5)
  return Math.sqrt((degrees * (1 - x)) / x)
}

/** ln B(a, b). */
export const lnBeta = (a: number, b: number): number => lgam(a) + lgam(b) - lgam(a + b)

/** P(X ≤ k), X binomial with n trials of probability p. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0
  if (k >= n) return 1
  return betaCdf(1 - p, n - k, k + 1)
}

/** P(X = k), X binomial with n trials of probability p. */
export function binomialPmf(k: number, n: number, p: number): number {
  if (k < 0 || k > n) return 0
  if (p <= 0) return k === 0 ? 1 : 0
  if (p >= 1) return k === n ? 1 : 0
  const lnChoose = lgam(n + 1) - lgam(k + 1) - lgam(n - k + 1)
  return Math.exp(lnChoose + k * Math.log(p) + (n - k) * Math.log1p(-p))
}

/** The least k with P(X ≤ k) ≥ q, X binomial with n trials of probability p. */
export function binomialQuantile(q: number, n: number, p: number): number {
  let low = 0
  let high = n
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (binomialCdf(middle, n, p) >= q) high = middle
    else low = middle + 1
  }
  return low
}

/** P(X > x), X χ² with `degrees` degrees of freedom. */
export const chiSquareSurvival = (x: number, degrees: number): number => (x <= 0 ? 1 : chdtrc(degrees, x))
