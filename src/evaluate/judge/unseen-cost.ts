import { betaQuantile, binomialCdf } from '../../statistics/index.ts'
import type { PairedScores } from './paired-scores.ts'
import { BROKEN, mostInSilence, timesToSettle } from './silence.ts'
import { silentPieces } from './silent-pieces.ts'

/** Below this many rows with different scores, the bound comes from counting them. */
export const FEWEST_CHANGES = 5

/** What changes that rows happened not to show could cost. */
export interface Unseen {
  /** In the units of the metric, at a one-sided level. */
  readonly costAt: (level: number) => number
  /** The same of what the metric could gain. */
  readonly gainAt: (level: number) => number
  /** About how many rows, changing as rarely as these, would make it less than the margin. */
  readonly rows: number
  /** Whether so few rows differ that a bootstrap learns nothing; else it is what rows that break could cost. */
  readonly tooFew: boolean
}

/** How far the metric of the base lies from that of answers that are all lost; infinite where that is unknown. */
export function roomToLose({ higherIsBetter, bounds, range }: PairedScores, base: number): number {
  const [least, most] = bounds ?? range ?? [-Infinity, Infinity]
  return higherIsBetter ? base - least : most - base
}

/**
 * What changes that these rows happened not to show could cost. Where fewer than 5 rows (or clusters) differ, all of them
 * count; else the groups that weigh alike and of which not one row broke (moved by half of the `room` to lose or more;
 * where that is unknown, at all), for no resample of these ever shows such a loss, however many rows moved a little; of all
 * rows together, fewer than 5 that broke tell little of how many do. Null where there are none. That has no counterpart on
 * the other side: what a rare row could gain counts where no row of its group moved at all. By simulation, where 1 or 2 %
 * of lines are lost beside small changes in all others, a true loss of the margin passed in 16 to 30 % of cases while small
 * changes hid that. Rows of one cluster are one observation: a whole cluster may change at once. Of classes that rows hold
 * several of it is the more that either rows or classes hide.
 */
export function unseenCost(scores: PairedScores, room: number, margin: number, alpha: number): Unseen | null {
  const ofRows = unseenRows(scores, room, margin, alpha)
  const ofPieces = silentPieces(scores)
  if (!ofPieces) return ofRows
  return {
    costAt: (level) => Math.max(ofRows?.costAt(level) ?? 0, ofPieces.costAt(level)),
    gainAt: (level) => ofRows?.gainAt(level) ?? 0,
    rows: Math.max(ofRows?.rows ?? 0, Math.ceil(scores.base.length * ofPieces.timesFor(margin, alpha))),
    tooFew: ofRows?.tooFew ?? false,
  }
}

function unseenRows(scores: PairedScores, room: number, margin: number, alpha: number): Unseen | null {
  const { aggregate, base, parts, strataApart } = scores
  const { units, scoreRange } = unitsOf(scores, Number.isFinite(room) ? BROKEN * room : 0)
  const strataSeen = new Map<number, Broken>()
  let changed = 0
  for (const unit of units) {
    const group = strataSeen.get(unit.stratum) ?? { n: 0, changed: 0, broke: 0 }
    strataSeen.set(unit.stratum, {
      n: group.n + 1,
      changed: group.changed + (unit.changed ? 1 : 0),
      broke: group.broke + (unit.broke ? 1 : 0),
    })
    if (unit.changed) changed++
  }
  const groups = [...strataSeen.values()]
  const alone = groups.length === 1
  const silent = groups.filter(({ broke }) => broke < (alone ? FEWEST_CHANGES : 1))
  const tooFew = changed < FEWEST_CHANGES
  if (!tooFew && silent.length === 0) return null
  const bounds = scores.bounds ?? scores.range
  // Scores that an aggregate is made of have units of their own (squares, sums), which tell nothing of the metric's range.
  const range = bounds ? bounds[1] - bounds[0] : Math.max(aggregate ? 0 : scoreRange, 100 * margin)
  const planned = { units: units.length, alpha }
  const rowsOf = (needed: number) => Math.ceil((needed * base.length) / units.length)
  if (tooFew) {
    const together = strataApart === true && groups.length > 1
    const share = margin / range
    const needed = together
      ? units.length * timesTogether(groups, changed, (these) => mostTogether(these, alpha) < groups.length * share)
      : unitsToSettle({ changed, groups: groups.length, share, ...planned })
    const costAt = (level: number) =>
      (range / groups.length) *
      (together ? mostTogether(groups, level) : groups.reduce((sum, group) => sum + mostOf(group, level), 0))
    return { costAt, gainAt: costAt, rows: rowsOf(needed), tooFew }
  }
  // Of all rows together it is known what they can lose; a rare class may have more to lose than the mean. Two classes that
  // are ranked against each other, and whose parts are each the whole on the mean, lose the whole.
  const whole = alone || (groups.length === 2 && parts !== undefined)
  const weight = whole ? Math.min(range, room) : range / groups.length
  const costAt = (level: number, times = 1) => weight * (alone ? moreBroken : mostInSilence)(silent, level, times)
  const unchanged = groups.filter((group) => group.changed === 0)
  return {
    costAt: (level) => costAt(level),
    gainAt: (level) => (unchanged.length === 0 ? 0 : weight * mostInSilence(unchanged, level)),
    rows: rowsOf(units.length * timesToSettle((times) => costAt(alpha, times) < margin)),
    tooFew,
  }
}

interface Broken extends Group {
  readonly broke: number
}

/** By how much more rows may break than did, which a bootstrap knows of. */
function moreBroken([group]: readonly Broken[], level: number, times: number): number {
  const [n, changed] = [group!.n * times, group!.broke * times]
  return mostOf({ n, changed }, level) - changed / n
}

/** Rows, or clusters within a group, and whether they changed, and by `far` or more; and how far all scores reach. */
function unitsOf({ base, candidate, strata, clusters, parts }: PairedScores, far: number) {
  const [before, after] = parts ? [parts('base'), parts('candidate')] : [base, candidate]
  const units = new Map<string | number, { readonly stratum: number; changed: boolean; broke: boolean }>()
  let [least, most] = [Infinity, -Infinity]
  for (let i = 0; i < base.length; i++) {
    const stratum = strata?.[i] ?? 0
    const name = clusters ? `${stratum} ${clusters[i]}` : i
    const unit = units.get(name) ?? { stratum, changed: false, broke: false }
    const moved = Math.abs(before[i]! - after[i]!)
    unit.changed ||= moved > 0
    unit.broke ||= moved > 0 && moved >= far
    units.set(name, unit)
    least = Math.min(least, base[i]!, candidate[i]!)
    most = Math.max(most, base[i]!, candidate[i]!)
  }
  return { units: [...units.values()], scoreRange: most - least }
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
  const silent = groups.filter(({ changed }) => changed === 0)
  let [seen, squares] = [0, silent.length > 0 ? mostInSilence(silent, level) ** 2 : 0]
  for (const group of groups) {
    if (group.changed === 0) continue
    const share = group.changed / group.n
    seen += share
    squares += (mostOf(group, level) - share) ** 2
  }
  return Math.min(groups.length, seen + Math.sqrt(squares))
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
