import { CLOSE_DB, heard, isCutOff, lowestSqnrDb, type Odds, typicalSqnrDb, worstOutput } from '../evaluate/index.ts'
import type { Built, ReadKernels } from '../recipe/index.ts'
import type { CandidateResult, ComparisonReport, OptimizationReport } from '../report/index.ts'
import { isSecure } from './assurance.ts'

/** A candidate in the search: what was built, and what is known of it so far. */
export interface Trial {
  readonly built: Built
  result: CandidateResult
  comparison: ComparisonReport | null
  /** Whether it is out of the race; its note says why. */
  dropped: boolean
  /** The event that makes its note obsolete; null where the note stays. */
  noteUntil: 'timed' | 'judged' | null
}

/** What is known of a candidate once it is built: its size, and its kernels where they could be read. */
export function firstResult(built: Built, read: ReadKernels | null): CandidateResult {
  return {
    id: built.spec.id,
    recipe: built.spec.words,
    bytes: built.bytes,
    p50Ms: null,
    speedup: null,
    ratio: null,
    p99Ms: null,
    loadMs: null,
    peakRssBytes: null,
    verdict: null,
    grade: null,
    metric: null,
    sqnrDb: null,
    onFront: false,
    ...(read ? { planned: read.planned, kernels: read.counts, float: built.float } : {}),
    ...(read && read.warnings.length > 0 ? { note: read.warnings.join('; ') } : {}),
  }
}

const TIMED = ['p50Ms', 'p99Ms', 'loadMs', 'peakRssBytes', 'peakRssBytesRange'] as const
type Timed = (typeof TIMED)[number]

/** Only those figures that a timing gives for a single model. */
export const timedOf = <T extends Pick<CandidateResult, Timed>>(figures: T): Pick<T, Timed> =>
  Object.fromEntries(TIMED.flatMap((name) => (figures[name] === undefined ? [] : [[name, figures[name]]]))) as Pick<
    T,
    Timed
  >

/** The original in the form of a candidate's result. */
export function originalResult(built: Built, baseline: OptimizationReport['baseline']): CandidateResult {
  return {
    ...firstResult(built, null),
    ...timedOf(baseline),
    speedup: 1,
    metric: baseline.metric,
  }
}

/** Shown to be worse on the selection rows. */
export const isWorse = ({ comparison }: Trial) => comparison?.verdict === 'regressed'

/** Not shown to be worse, and close or better. */
export const usable = ({ verdict, grade }: Pick<CandidateResult, 'verdict' | 'grade'>) =>
  verdict === 'pass' || (verdict !== 'regressed' && grade !== null)

/** Decibels above what `close` asks for, so that other rows do not fall below it. */
const RESERVE_DB = 2
/** Noise over signal that is secure at the worst output. */
export const SECURE_NOISE = noiseAt(CLOSE_DB + RESERVE_DB)
/** From this many rows on, a candidate is secure if at most half as many answers change as `close` allows. */
const ENOUGH_ROWS = 100
const SECURE_AGREEMENT = 0.995

/** Noise over signal for a signal-to-noise ratio in decibels. */
export function noiseAt(decibels: number): number {
  return 10 ** (-decibels / 10)
}

/** The result with the noise that a comparison measured, or with `identical` where it measured none. */
export function withNoise(result: CandidateResult, comparison: Pick<ComparisonReport, 'outputs'>): CandidateResult {
  const { identical: _, boxes: __, ...others } = result
  const outputs = heard(comparison)
  const identical = outputs.length > 0 && outputs.every(({ sqnrDb }) => sqnrDb === null)
  const boxes = worstOutput({ outputs })?.boxes
  const told = { ...(identical ? { identical } : {}), ...(boxes ? { boxes } : {}) }
  return { ...others, sqnrDb: lowestSqnrDb({ outputs }), ...told }
}

/** Noise over signal at the worst output on the selection rows; null where none was measured. */
export function noiseRatioOf({ comparison }: Trial): number | null {
  const decibels = comparison && lowestSqnrDb(comparison)
  return decibels === null ? null : noiseAt(decibels)
}

/** Expected to hold on the proof rows: very likely to pass there; or close, with a reserve. */
export function secure(trial: Trial, odds: Odds): boolean {
  const { comparison } = trial
  if (trial.dropped || comparison === null || isWorse(trial)) return false
  const { agreement, n } = comparison
  if (isSecure(odds.pass)) return true
  if (!usable(comparison)) return false
  const noise = noiseRatioOf(trial)
  return (
    noise === null ||
    (noise <= SECURE_NOISE && isSecure(odds.close)) ||
    (agreement !== null && n >= ENOUGH_ROWS && agreement.rate >= SECURE_AGREEMENT)
  )
}

/** Worth proof rows: not regressed, and no sign of a loss beyond what the margin allows. */
export const promising = ({ comparison }: Trial) =>
  comparison !== null &&
  (usable(comparison) || (comparison.verdict === 'inconclusive' && comparison.nonInferiority !== null))

/** Decibels at the worst output; infinite where no output differs, or none is a number. */
const ofAllRows = ({ comparison }: Trial) => (comparison && lowestSqnrDb(comparison)) ?? Number.POSITIVE_INFINITY
const ofTypicalRows = ({ comparison }: Trial) => (comparison && typicalSqnrDb(comparison)) ?? Number.POSITIVE_INFINITY

const agreementOf = ({ comparison }: Trial) => comparison?.agreement?.rate ?? 0

/** Whether the noise at the worst output leaves the reserve that `close` wants. */
export const isQuiet = (trial: Trial) => (noiseRatioOf(trial) ?? 0) <= SECURE_NOISE

/** Whether most of the noise comes from values that ranges cut off in a few rows, and not from rounding. */
export const isClipped = ({ comparison }: Trial) => comparison !== null && isCutOff(comparison)

/** Decibels that are missing to be secure; where ranges cut off values in a few rows, those on the other rows. */
export function decibelsMissing(trial: Trial): number {
  const decibels = isClipped(trial) ? ofTypicalRows(trial) : ofAllRows(trial)
  return Math.max(0, CLOSE_DB + RESERVE_DB - decibels)
}

/** More decibels than further rows, other ranges or scales per channel usually bring. */
export const FAR_DECIBELS = 4

/** Differences in noise, in decibels, too small to hold on other rows. */
const SAME_DB = 0.5

/**
 * Orders candidates with the same kernels: the quietest first, those shown to be worse last, near ties as they were
 * given. Noise tells them apart on a few rows, where one changed answer more or less is chance.
 */
export const quietestFirst = (trials: readonly Trial[]) => leastFirst(trials, ofAllRows)

/** The same order without the rows of the largest numbers, by the noise that decides how many answers change. */
export const quietestOnMostRows = (trials: readonly Trial[]) => leastFirst(trials, ofTypicalRows)

function leastFirst(trials: readonly Trial[], decibelsOf: (trial: Trial) => number): readonly Trial[] {
  const left = trials.filter((trial) => !isWorse(trial))
  const ordered: Trial[] = []
  while (left.length > 0) {
    const most = Math.max(...left.map(decibelsOf))
    const tied = left.filter((trial) => decibelsOf(trial) >= most - SAME_DB)
    // Where no noise was measured, agreement decides.
    const [next] = most === Number.POSITIVE_INFINITY ? tied.sort((a, b) => agreementOf(b) - agreementOf(a)) : tied
    ordered.push(next!)
    left.splice(left.indexOf(next!), 1)
  }
  return [...ordered, ...trials.filter(isWorse)]
}

export const isStatic = ({ built: { spec } }: Trial) => spec.scheme === 'static-int8'
/** Made of another model than the lossless one: a trained one, or one without spare channels. */
export const hasOtherBase = ({ built: { spec } }: Trial) => spec.base !== undefined
/** Static integers of the model itself, not of a trained or narrower one. */
export const isPlainStatic = (trial: Trial) => isStatic(trial) && !hasOtherBase(trial)
