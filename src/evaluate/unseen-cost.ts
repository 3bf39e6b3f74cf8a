import { binomialCdf, normalSurvival, upperProportion } from '../statistics/index.ts'
import type { PairedScores } from './paired-scores.ts'

/** Below this many rows with different scores, the bound comes from counting them. */
const FEWEST_CHANGES = 5
/** As far as the bound on a share is looked for. */
const MOST_Z = 8

/** What changes that rows happened not to show could cost. */
interface Unseen {
  readonly cost: number
  /** The z of the test that the cost is less than the margin. */
  readonly z: number
  /** About how many rows, changing as rarely as these, would settle it. */
  readonly rows: number
}

/**
 * What changes that these rows happened not to show could cost, where fewer than 5 rows (or clusters) differ; else null.
 * Rows of one cluster are one observation: a whole cluster may change at once.
 */
export function unseenCost(scores: PairedScores, margin: number, alpha: number): Unseen | null {
  const { base, candidate, bounds, strata, clusters, parts, aggregate } = scores
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
  const strataSeen = new Map<number, { n: number; changed: number }>()
  let changed = 0
  for (const unit of units.values()) {
    const group = strataSeen.get(unit.stratum) ?? { n: 0, changed: 0 }
    strataSeen.set(unit.stratum, { n: group.n + 1, changed: group.changed + (unit.changed ? 1 : 0) })
    if (unit.changed) changed++
  }
  if (changed >= FEWEST_CHANGES) return null
  const groups = [...strataSeen.values()]
  // Scores that an aggregate is made of have units of their own (squares, sums), which tell nothing of the metric's range.
  const seenRange = aggregate ? 0 : most - least
  const range = bounds ? bounds[1] - bounds[0] : Math.max(seenRange, 100 * margin)
  const costAt = (level: number) =>
    (range / groups.length) *
    groups.reduce((sum, { n, changed: successes }) => sum + upperProportion({ successes, n, alpha: level }), 0)
  let [passes, fails] = [-MOST_Z, MOST_Z]
  for (let step = 0; step < 50; step++) {
    const z = (passes + fails) / 2
    if (costAt(normalSurvival(z)) < margin) passes = z
    else fails = z
  }
  const needed = unitsToSettle({ changed, units: units.size, groups: groups.length, share: margin / range, alpha })
  return { cost: costAt(alpha), z: passes, rows: Math.ceil((needed * base.length) / units.size) }
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
