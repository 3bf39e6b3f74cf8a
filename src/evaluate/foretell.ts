import type { ComparisonReport } from '../report/index.ts'
import { lnBeta, normalCdf, normalQuantile, tangoScore, upperProportion } from '../statistics/index.ts'
import { CLOSE_AGREEMENT, CLOSE_DB } from './agreement.ts'
import { worstNoise } from './worst-noise.ts'

/** How likely a candidate is to pass on fresh rows, and to be `close` there. */
export interface Odds {
  readonly pass: number
  readonly close: number
}

/** By so much the decibels of other rows differ, one standard deviation: however many rows, and of a single one. */
const OTHER_ROWS_DB = 1
const ONE_ROW_DB = 4
/** Fewer rows settle no metric but one of right or wrong. */
const FEWEST_ROWS = 20
/** Nothing is surer than this to stay close: what labels would say to it is not known. */
const SUREST = 0.98
/** Of what was judged on no rows. */
const UNKNOWN: Odds = { pass: 0.5, close: 0.5 }
/** Outcomes less likely than this are left out of the sums. */
const NEGLIGIBLE = 1e-9

/**
 * What a comparison on the selection rows foretells of one on `rows` fresh ones. Counts are followed by their posterior
 * predictive under Jeffreys' prior (beta-binomial); other metrics by the normal approximation, with the error of both
 * sets of rows. `others` are comparisons of candidates that differ from the same model by roundings alone, as this one
 * does: a few lucky rows do not make more noise the safer one (see `monotone`).
 */
export function foretell(
  comparison: ComparisonReport | null,
  rows: number,
  others: readonly ComparisonReport[] = [],
): Odds {
  if (comparison === null) return UNKNOWN
  if (comparison.verdict === 'regressed' || rows < 1) return { pass: 0, close: 0 }
  return { pass: passOdds(comparison, rows, others), close: closeOdds(comparison, rows) }
}

function passOdds(comparison: ComparisonReport, rows: number, others: readonly ComparisonReport[]): number {
  const { alpha, margin = 0.01 } = comparison
  if (comparison.nothingToLose) return 0
  const own = countsOf(comparison)
  if (!own) return comparison.nonInferiority ? valuesPass(comparison, comparison.nonInferiority, rows) : 0
  const alike = others.flatMap((other) => (other === comparison ? [] : (countsOf(other) ?? [])))
  const { lost, won, n } = monotone([own, ...alike]).find((group) => group.members.includes(own))!
  if (comparison.discordant) return countsPass({ lost, won, n }, { rows, alpha, margin })
  return atMost(lost, n, rows, (changed) => upperProportion({ successes: changed, n: rows, alpha }) <= margin)
}

/** Answers that got lost and won (without labels: changed) among `n` rows, and the decibels of the noise. */
interface Counts {
  readonly lost: number
  readonly won: number
  readonly n: number
  readonly decibels: number
}

function countsOf({ discordant, nonInferiority, agreement, n, outputs }: ComparisonReport): Counts | null {
  const decibels = worstNoise({ outputs }) ?? Number.POSITIVE_INFINITY
  if (discordant) return { lost: discordant.baseOnly, won: discordant.candidateOnly, n, decibels }
  return agreement && !nonInferiority ? { lost: agreement.changed, won: 0, n, decibels } : null
}

/**
 * Pools what contradicts that more noise changes no fewer answers: the isotonic fit of the rates, by pooling of adjacent
 * violators (Ayer et al. 1955). A candidate that lost nothing on 64 rows is taken for no safer than a quieter one that
 * lost little on 300.
 */
function monotone(counts: readonly Counts[]): readonly (Counts & { readonly members: readonly Counts[] })[] {
  const groups: (Counts & { readonly members: readonly Counts[] })[] = []
  const rate = ({ lost, won, n }: Counts) => (lost + won) / n
  // Of equal noise the fewer answers come first: these contradict nothing.
  for (const one of [...counts].sort((a, b) => b.decibels - a.decibels || rate(a) - rate(b))) {
    let next = { ...one, members: [one] as readonly Counts[] }
    for (let last = groups.at(-1); last && rate(last) > rate(next); last = groups.at(-1)) {
      groups.pop()
      next = {
        lost: last.lost + next.lost,
        won: last.won + next.won,
        n: last.n + next.n,
        decibels: next.decibels,
        members: [...last.members, ...next.members],
      }
    }
    groups.push(next)
  }
  return groups
}

/** The probability that Tango's test of non-inferiority passes on fresh rows. */
function countsPass(
  { lost: baseOnly, won: candidateOnly, n }: Pick<Counts, 'lost' | 'won' | 'n'>,
  { rows, alpha, margin }: { readonly rows: number; readonly alpha: number; readonly margin: number },
): number {
  const z = normalQuantile(1 - alpha)
  const within = Math.min(margin, 1 - 1e-9)
  const outcomes = (counted: number) => [...predictive(counted, n, rows)]
  const [lost, won] = [outcomes(baseOnly), outcomes(candidateOnly)]
  let sum = 0
  for (const [b, ofLost] of lost)
    for (const [c, ofWon] of won)
      if (b + c <= rows && tangoScore({ baseOnly: b, candidateOnly: c, n: rows }, -within) > z) sum += ofLost * ofWon
  return sum
}

function valuesPass(
  { base, candidate, higherIsBetter, n, alpha, margin = 0.01 }: ComparisonReport,
  { lowerBound }: { readonly lowerBound: number },
  rows: number,
): number {
  if (rows < FEWEST_ROWS || base.value === null || candidate.value === null) return 0
  const z = normalQuantile(1 - alpha)
  const delta = (candidate.value - base.value) * (higherIsBetter ? 1 : -1)
  const error = (delta - lowerBound) / z
  const fresh = error * Math.sqrt(n / rows)
  const reserve = delta + margin - z * fresh
  const spread = Math.hypot(error, fresh)
  return spread > 0 ? normalCdf(reserve / spread) : reserve > 0 ? 1 : 0
}

function closeOdds(comparison: ComparisonReport, rows: number): number {
  const { agreement, n } = comparison
  const noise = worstNoise(comparison)
  const quiet =
    noise === null ? 1 : normalCdf((noise - CLOSE_DB) / Math.hypot(OTHER_ROWS_DB, ONE_ROW_DB / Math.sqrt(n)))
  if (!agreement) return Math.min(SUREST, quiet)
  const agreeing = atMost(agreement.changed, n, rows, (changed) => 1 - changed / rows >= CLOSE_AGREEMENT)
  return Math.min(SUREST, Math.max(quiet, agreeing))
}

/** The probability that so few of fresh rows are counted that it is `allowed`; fewer always are where more are. */
function atMost(counted: number, n: number, rows: number, allowed: (count: number) => boolean): number {
  let sum = 0
  for (const [count, probability] of predictive(counted, n, rows)) {
    if (!allowed(count)) break
    sum += probability
  }
  return sum
}

/** How many of `rows` fresh rows will be counted where `counted` of `n` were, each with its probability. */
function* predictive(
  counted: number,
  n: number,
  rows: number,
): Generator<readonly [count: number, probability: number]> {
  const [a, b] = [counted + 0.5, n - counted + 0.5]
  const scale = lnBeta(a, b) + Math.log(rows + 1)
  const mean = (rows * a) / (a + b)
  for (let count = 0; count <= rows; count++) {
    const probability = Math.exp(lnBeta(count + a, rows - count + b) - lnBeta(rows - count + 1, count + 1) - scale)
    if (probability >= NEGLIGIBLE) yield [count, probability]
    else if (count > mean) return
  }
}
