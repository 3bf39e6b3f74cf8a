import { betaQuantile, binomialCdf } from '../statistics/index.ts'
import type { PairedScores } from './paired-scores.ts'

/** Below this many rows with different scores, the bound comes from counting them. */
export const FEWEST_CHANGES = 5

/** What changes that rows happened not to show could cost. */
export interface Unseen {
  /** In the units of the metric, at a one-sided level. */
  readonly costAt: (level: number) => number
  /** About how many rows, changing as rarely as these, would make it less than the margin. */
  readonly rows: number
  /** Whether so few rows differ that a bootstrap learns nothing; else it is what the groups without a change could cost. */
  readonly tooFew: boolean
}

/**
 * What changes that these rows happened not to show could cost. Where fewer than 5 rows (or clusters) differ, all of them
 * count; else the groups that weigh alike and of which not one row differs, for no resample of these ever shows a loss;
 * null where there are none. Rows of one cluster are one observation: a whole cluster may change at once.
 */
export function unseenCost(scores: PairedScores, margin: number, alpha: number): Unseen | null {
  const { base, candidate, bounds, strata, strataApart, clusters, parts, aggregate } = scores
  const [before, after] = parts ? [parts('base'), parts('candidate')] : [base, candidate]
  const units = new Map<string | number, { readonly stratum: number; changed: boolean }>()
  let [least, most] = [Infinity, -Infinity]
  for (let i = 0; i < base.length; i++) {
    const stratum = strata?.[i] ?? 0
    const name = clusters ? `${stratum} ${clusters[i]}` : i
    const unit = units.get(name) ?? { stratum, changed: false }
    unit.changed ||= before[i] !== after[i]
    units.set(name, unit)
    least = Math.min(least, base[i]!, candidate[i]!)
    most = Math.max(most, base[i]!, candidate[i]!)
  }
  const strataSeen = new Map<number, Group>()
  let changed = 0
  for (const unit of units.values()) {
    const group = strataSeen.get(unit.stratum) ?? { n: 0, changed: 0 }
    strataSeen.set(unit.stratum, { n: group.n + 1, changed: group.changed + (unit.changed ? 1 : 0) })
    if (unit.changed) changed++
  }
  const groups = [...strataSeen.values()]
  const silent = groups.filter((group) => group.changed === 0).map(({ n }) => n)
  const tooFew = changed < FEWEST_CHANGES
  if (!tooFew && silent.length === 0) return null
  // Scores that an aggregate is made of have units of their own (squares, sums), which tell nothing of the metric's range.
  const seenRange = aggregate ? 0 : most - least
  const range = bounds ? bounds[1] - bounds[0] : Math.max(seenRange, 100 * margin)
  const share = margin / range
  const accepted = groups.length * share
  const together = strataApart === true && groups.length > 1
  const sumAt = (level: number) =>
    !tooFew
      ? mostInSilence(silent, level)
      : together
        ? mostTogether(groups, level)
        : groups.reduce((sum, group) => sum + mostOf(group, level), 0)
  const needed = !tooFew
    ? units.size * timesToSettle((times) => mostInSilence(scaled(silent, times), alpha) < accepted)
    : together
      ? units.size * timesTogether(groups, changed, (these) => mostTogether(these, alpha) < accepted)
      : unitsToSettle({ changed, units: units.size, groups: groups.length, share, alpha })
  return {
    costAt: (level) => (range / groups.length) * sumAt(level),
    rows: Math.ceil((needed * base.length) / units.size),
    tooFew,
  }
}

/** Units of a group, and those that changed; when rows are planned for, these need not be whole numbers. */
interface Group {
  readonly n: number
  readonly changed: number
}

/** Clopper and Pearson's one-sided bound on the share of changes in one group. */
const mostOf = ({ n, changed }: Group, level: number): number =>
  changed >= n ? 1 : betaQuantile(1 - level, changed + 1, n - changed)

/**
 * A bound on the sum of the shares of changes in all groups: what was seen of them, and the squares of the distances of
 * the bounds from it added up (Zou and Donner, 2008; see `judge`), where the groups without a change have one bound
 * together: a change that did not show would be of one of them, not of each. Of one group it is Clopper and Pearson's. By
 * simulation it errs at α on equal groups, and not more often on unequal ones.
 */
function mostTogether(groups: readonly Group[], level: number): number {
  const silent = groups.filter(({ changed }) => changed === 0).map(({ n }) => n)
  let [seen, squares] = [0, silent.length > 0 ? mostInSilence(silent, level) ** 2 : 0]
  for (const group of groups) {
    if (group.changed === 0) continue
    const share = group.changed / group.n
    seen += share
    squares += (mostOf(group, level) - share) ** 2
  }
  return Math.min(groups.length, seen + Math.sqrt(squares))
}

/**
 * The greatest sum of the shares of changes in groups of these sizes with which all of them together still show none with
 * probability `level`: Σ pᵢ under Π (1 − pᵢ)^nᵢ = level. By Lagrange's multiplier pᵢ = 1 − λ nᵢ in the smallest groups,
 * as many as this leaves above 0; of one group it is Clopper and Pearson's bound, of equal ones that of all their rows.
 */
function mostInSilence(sizes: readonly number[], level: number): number {
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

const scaled = (sizes: readonly number[], times: number) => sizes.map((size) => size * times)

/** How many times as large groups must be for what is `kept` then. */
function timesToSettle(kept: (times: number) => boolean): number {
  let [few, enough] = [0, 1]
  while (!kept(enough) && enough < 2 ** 30) [few, enough] = [enough, 2 * enough]
  for (let step = 0; step < 20; step++) {
    const middle = (few + enough) / 2
    if (kept(middle)) enough = middle
    else few = middle
  }
  return enough
}

/** The same where they change as often as they did, until enough change for a bootstrap. */
function timesTogether(groups: readonly Group[], changed: number, kept: (groups: readonly Group[]) => boolean): number {
  for (let expected = changed; expected < FEWEST_CHANGES; expected++) {
    const more = changed === 0 ? 1 : expected / changed
    const times = timesToSettle((size) => kept(groups.map((one) => ({ n: one.n * size, changed: one.changed * more }))))
    if (changed * times <= expected + 0.5) return times
  }
  return FEWEST_CHANGES / changed
}

/**
 * Units with which, changing as often as those that were seen, either the share of changes has a bound below `share` in
 * each of the groups, or enough change for a bootstrap.
 */
function unitsToSettle(seen: {
  readonly changed: number
  readonly units: number
  readonly groups: number
  readonly share: number
  readonly alpha: number
}): number {
  const { changed, units, groups, share, alpha } = seen
  for (let expected = changed; expected < FEWEST_CHANGES; expected++) {
    const needed = share >= 1 ? groups : groups * fewestTrials(expected, share, alpha)
    if ((changed * needed) / units <= expected + 0.5) return needed
  }
  return Math.ceil((FEWEST_CHANGES * units) / changed)
}

/** The fewest trials of which so few successes are less likely than α, where each has probability `share`; 2⁵³ at most. */
function fewestTrials(successes: number, share: number, alpha: number): number {
  let [few, enough] = [successes, successes + 1]
  const most = 2 ** 53
  while (enough < most && binomialCdf(successes, enough, share) >= alpha)
    [few, enough] = [enough, Math.min(most, 2 * enough)]
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2)
    if (binomialCdf(successes, middle, share) >= alpha) few = middle
    else enough = middle
  }
  return enough
}
