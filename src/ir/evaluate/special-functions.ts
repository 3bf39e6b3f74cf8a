/**
 * The error function to about 1e-15. Source: the series e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!!, whose terms are all positive
 * (Abramowitz & Stegun 7.1.6), and beyond 3 the continued fraction 7.1.14 of the complement.
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const a = Math.abs(x)
  const sign = x < 0 ? -1 : 1
  if (a > 6) return sign
  if (a < 3) {
    let term = a
    let sum = a
    for (let n = 1; term > sum * 1e-18; n++) {
      term *= (2 * a * a) / (2 * n + 1)
      sum += term
    }
    return sign * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction)
  return sign * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction))
}

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

export const softplus = (x: number): number => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)))

/** x·Φ(x), the Gaussian error linear unit. */
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2))

/** Its tanh approximation, as Hendrycks & Gimpel give it. */
export const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
