/** A row that moved by so much of what there is to lose is one that broke: a bootstrap knows of such rows then. */
export const BROKEN = 0.5

/**
 * The greatest sum of the shares of changes in groups of these sizes with which all of them together still show none with
 * probability `level`: Σ pᵢ under Π (1 − pᵢ)^nᵢ = level. By Lagrange's multiplier pᵢ = 1 − λ nᵢ in the smallest groups,
 * as many as this leaves above 0; of one group it is Clopper and Pearson's bound, of equal ones that of all their rows.
 */
export function mostInSilence(groups: readonly { readonly n: number }[], level: number, times = 1): number {
  const sizes = groups.map(({ n }) => n * times)
  const sorted = sizes.toSorted((a, b) => a - b)
  let [rows, weighed, taken, lambda] = [0, -Math.log(level), 0, 1]
  for (; taken < sorted.length; taken++) {
    const size = sorted[taken]!
    if (taken > 0 && lambda * size >= 1) break
    rows += size
    weighed += size * Math.log(size)
    lambda = Math.exp(-weighed / rows)
  }
  return taken - lambda * rows
}

/** How many times as large groups must be for what is `kept` then. */
export function timesToSettle(kept: (times: number) => boolean): number {
  let [few, enough] = [0, 1]
  while (!kept(enough) && enough < 2 ** 30) [few, enough] = [enough, 2 * enough]
  for (let step = 0; step < 20; step++) {
    const middle = (few + enough) / 2
    if (kept(middle)) enough = middle
    else few = middle
  }
  return enough
}
