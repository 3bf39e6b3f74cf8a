import { mean } from './mean.ts'

/**
 * Standard error of a mean whose rows come in clusters (several rows of one person or document), and are independent
 * only between them: √(Σ_g (Σ_{i∈g} (x_i − x̄))²) / n. With one row a cluster it is the population form of the usual one.
 *
 * Source: cluster-robust variance as recommended for evaluations in E. Miller, arXiv 2411.00640 (2024), section 2.2.
 *
 * @throws RangeError where the lengths differ.
 */
export function clusteredStandardError(
  values: readonly number[],
  clusters: readonly (string | number)[],
): { readonly mean: number; readonly standardError: number; readonly clusters: number } {
  if (values.length !== clusters.length)
    throw new RangeError(`${values.length} values, ${clusters.length} cluster names: one a value is needed`)
  const n = values.length
  const middle = mean(values)
  const sums = new Map<string | number, number>()
  for (let i = 0; i < n; i++) sums.set(clusters[i]!, (sums.get(clusters[i]!) ?? 0) + values[i]! - middle)
  let squares = 0
  for (const sum of sums.values()) squares += sum * sum
  return { mean: middle, standardError: Math.sqrt(squares) / n, clusters: sums.size }
}
