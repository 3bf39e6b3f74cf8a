import type { ComparisonReport } from '../../report/index.ts'
import { normalCdf, normalQuantile, predictive, tangoScore, upperProportion } from '../../statistics/index.ts'
import { CLOSE_AGREEMENT, CLOSE_DB, changedAt } from './close.ts'
import { boxesStay, foretoldChanged, type LouderMixture } from './foretell-boxes.ts'
import { measured, typicalSqnrDb } from './lowest-sqnr.ts'

/** How likely a candidate is to pass on fresh rows, and to be `close` there. */
export interface Odds {
  readonly pass: number
  /** To pass at half of α, as one of two that share it must; 0 where the comparison has no p-value to tell. */
  readonly passAtHalf: number
  readonly close: number
}

/**
 * By so much the decibels of other rows differ, one standard deviation: however many rows, and of a single one. Where a
 * few rows make most of the noise, the sum is no surer than so few are, neither here nor on other rows.
 */
const OTHER_ROWS_DB = 1
const ONE_ROW_DB = 4
/** Fewer rows settle no metric but one of right or wrong. */
const FEWEST_ROWS = 20
/** Nothing is surer than this to stay close: what labels would say to it is not known. */
const SUREST = 0.98
/** Of what was judged on no rows. */
const UNKNOWN: Odds = { pass: 0.5, passAtHalf: 0, close: 0.5 }

/**
 * What a comparison on the selection rows foretells of one on `rows` fresh ones. Counts are followed by their posterior
 * predictive under Jeffreys' prior (beta-binomial); other metrics by the normal approximation, with the error of both
 * sets of rows.
 *
 * @param roundings Comparisons of all candidates that differ from the same model by roundings alone, where this is one of
 * them: a few lucky rows do not make more noise the safer one, nor a rounding an improvement (see `proportionate`).
 * @param louder Mixtures of the same candidate with a little more noise, of which a lucky one tells less than all together.
 */
export function foretell(
  comparison: ComparisonReport | null,
  rows: number,
  roundings: readonly ComparisonReport[] = [],
  louder: readonly LouderMixture[] = [],
): Odds {
  if (comparison === null) return UNKNOWN
  if (comparison.verdict === 'regressed' || rows < 1) return { pass: 0, passAtHalf: 0, close: 0 }
  const { alpha } = comparison
  const tested = comparison.discordant !== null || comparison.nonInferiority !== null
  return {
    pass: passOdds(comparison, rows, roundings, alpha),
    passAtHalf: tested ? passOdds(comparison, rows, roundings, alpha / 2) : 0,
    close: closeOdds(comparison, rows, foretoldChanged(louder)),
  }
}

function passOdds(
  comparison: ComparisonReport,
  rows: number,
  roundings: readonly ComparisonReport[],
  alpha: number,
): number {
  const { margin = 0.01, nonInferiority } = comparison
  if (comparison.nothingToLose) return 0
  const own = countsOf(comparison)
  if (!own) return nonInferiority ? valuesPass(comparison, nonInferiority, rows, alpha) : 0
  const known = roundings.includes(comparison)
    ? proportionate(
        own,
        roundings.flatMap((one) => countsOf(one) ?? []),
      )
    : own
  if (comparison.discordant) return countsPass(known, { rows, alpha, margin })
  return atMost(
    known.lost,
    known.n,
    rows,
    (changed) => upperProportion({ successes: changed, n: rows, alpha }) <= margin,
  )
}

/** Answers that got lost and won (without labels: changed) among `n` rows, and the size of the noise. */
interface Counts {
  readonly lost: number
  readonly won: number
  readonly n: number
  /** Of the worst output on most rows, its power's root over that of the signal; 0 where no number tells. */
  readonly amplitude: number
}

function countsOf({ discordant, nonInferiority, agreement, n, outputs }: ComparisonReport): Counts | null {
  const decibels = typicalSqnrDb({ outputs })
  const amplitude = decibels === null ? 0 : 10 ** (-decibels / 20)
  if (discordant) return { lost: discordant.baseOnly, won: discordant.candidateOnly, n, amplitude }
  return agreement && !nonInferiority ? { lost: agreement.changed, won: 0, n, amplitude } : null
}

/** Candidates that are taken to lose answers at one rate by their noise. */
interface Pooled {
  readonly lost: number
  readonly won: number
  /** Rows times noise. */
  readonly exposure: number
  /** Noise of the loudest of them. */
  readonly loudest: number
}

/**
 * What is known of one rounding beside others of the same model. Answers are lost at least in proportion to the noise,
 * for near the border between two answers there are as many rows at one distance as at another; what contradicts that is
 * pooled, each row weighing as much as its noise (isotonic fit by pooling of adjacent violators, Ayer et al. 1955). Where
 * nothing was lost, a louder one that lost nothing either says more: its rows would have kept their answers under less
 * noise too, as more rows did. And a rounding wins no more than it loses: what it won beyond that counts as half lost.
 */
function proportionate(own: Counts, all: readonly Counts[]): Counts {
  const fair = ({ lost, won, ...rest }: Counts) => {
    const half = (lost + won) / 2
    return { ...rest, lost: Math.max(lost, half), won: Math.min(won, half) }
  }
  if (own.amplitude === 0) return fair(own)
  const groups: Pooled[] = []
  const rate = ({ lost, exposure }: Pooled) => lost / exposure
  const pooledOf = (counts: Counts): Pooled => {
    const { lost, won } = fair(counts)
    return { lost, won, exposure: counts.n * counts.amplitude, loudest: counts.amplitude }
  }
  // Of equal noise the fewer answers come first: these contradict nothing.
  const ordered = all
    .filter(({ amplitude }) => amplitude > 0)
    .sort((a, b) => a.amplitude - b.amplitude || rate(pooledOf(a)) - rate(pooledOf(b)))
  for (const one of ordered) {
    let next = pooledOf(one)
    for (let last = groups.at(-1); last && rate(last) > rate(next); last = groups.at(-1)) {
      groups.pop()
      next = {
        lost: last.lost + next.lost,
        won: last.won + next.won,
        exposure: last.exposure + next.exposure,
        loudest: next.loudest,
      }
    }
    groups.push(next)
  }
  const louder = groups.slice(groups.findIndex(({ loudest }) => loudest >= own.amplitude))
  const { lost, won, exposure } = louder[0]!
  // All of them were judged on the same rows: the one that says most counts, not all together.
  const shown = lost > 0 ? exposure : Math.max(...louder.map((one) => (one.lost === 0 ? one.exposure : 0)))
  return { lost, won, n: shown / own.amplitude, amplitude: own.amplitude }
}

/**
 * The probability that Tango's test of non-inferiority passes on fresh rows. The more are lost, the more must be won for
 * it: one walk through both.
 */
function countsPass(
  { lost, won, n }: Counts,
  { rows, alpha, margin }: { readonly rows: number; readonly alpha: number; readonly margin: number },
): number {
  const z = normalQuantile(1 - alpha)
  const within = Math.min(margin, 1 - 1e-9)
  const passes = (baseOnly: number, candidateOnly: number) =>
    tangoScore({ baseOnly, candidateOnly, n: rows }, -within) > z
  const wins = predictive(won, n, rows)
  let left = wins.reduce((sum, { probability }) => sum + probability, 0)
  let from = 0
  let sum = 0
  for (const { count, probability } of predictive(lost, n, rows)) {
    for (let next = wins[from]; next && !passes(count, next.count); next = wins[from]) {
      left -= next.probability
      from++
    }
    if (from < wins.length) sum += probability * left
  }
  return Math.min(1, Math.max(0, sum))
}

function valuesPass(
  { base, candidate, higherIsBetter, n, alpha: shown, margin = 0.01 }: ComparisonReport,
  { lowerBound }: { readonly lowerBound: number },
  rows: number,
  alpha: number,
): number {
  if (rows < FEWEST_ROWS || base.value === null || candidate.value === null) return 0
  const delta = (candidate.value - base.value) * (higherIsBetter ? 1 : -1)
  const error = (delta - lowerBound) / normalQuantile(1 - shown)
  const fresh = error * Math.sqrt(n / rows)
  const reserve = delta + margin - normalQuantile(1 - alpha) * fresh
  const spread = Math.hypot(error, fresh)
  return spread > 0 ? normalCdf(reserve / spread) : reserve > 0 ? 1 : 0
}

/** Every output must stay near, or the answers the same; those of one model are near or far together, so the worst counts. */
function closeOdds(comparison: ComparisonReport, rows: number, changed: number | null): number {
  const { agreement, n } = comparison
  const quiet = Math.min(...measured(comparison).map((output) => staysNear(output, n, rows, changed)), 1)
  if (!agreement) return Math.min(SUREST, quiet)
  return Math.min(SUREST, Math.max(quiet, answersStay(agreement.changed, n, rows)))
}

/** Boxes and answers are counted, whatever else is heard in decibels. */
function staysNear(
  output: ComparisonReport['outputs'][number],
  n: number,
  rows: number,
  changed: number | null,
): number {
  const { sqnrDb, boxes, answer } = output
  if (sqnrDb === null) return 1
  const noisy = Math.min(n, output.noiseRows ?? n)
  if (boxes) return boxesStay({ ...boxes, noiseRows: noisy, rows: n }, rows, changed)
  if (answer) return answersStay(n * changedAt(sqnrDb), n, rows)
  return normalCdf((sqnrDb - CLOSE_DB) / Math.hypot(OTHER_ROWS_DB, ONE_ROW_DB / Math.sqrt(noisy)))
}

const answersStay = (changed: number, n: number, rows: number) =>
  atMost(changed, n, rows, (count) => 1 - count / rows >= CLOSE_AGREEMENT)

/** The probability that so few of fresh rows are counted that it is `allowed`, as fewer always are where more are. */
function atMost(counted: number, n: number, rows: number, allowed: (count: number) => boolean): number {
  const outcomes = predictive(counted, n, rows)
  let [from, to] = [0, outcomes.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (allowed(outcomes[middle]!.count)) from = middle + 1
    else to = middle
  }
  return outcomes.slice(0, from).reduce((sum, { probability }) => sum + probability, 0)
}
