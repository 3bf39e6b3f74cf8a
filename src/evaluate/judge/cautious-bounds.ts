import { type BootstrapResult, normalQuantile, studentQuantile, studentSurvival } from '../../statistics/index.ts'

/** One-sided bounds, and the two-sided interval. */
export interface Bounds {
  readonly lower: number
  readonly upper: number
  readonly ci: readonly [number, number]
}

/** A value with its standard error and the degrees of freedom of that. */
interface Reading {
  readonly value: number
  readonly error: number
  readonly degrees: number
}

/** What Student's bounds rest on, of a loss and of a gain: the rows as they are, then one more like the farthest of them. */
interface Readings {
  readonly loss: readonly Reading[]
  readonly gain: readonly Reading[]
}

/**
 * Both readings of resampled differences. Where so few rows differ that they are counted instead, the count allows for what
 * they do not show.
 */
export function readingsOf(drawn: BootstrapResult, counted: boolean): Readings {
  const { estimate, standardError, oneMore } = drawn
  const plain = { value: estimate, error: standardError, degrees: degreesOf(drawn, counted) }
  if (counted) return { loss: [plain], gain: [plain] }
  const [loss, gain] = [oneMore.worst, oneMore.best].map((more) => [
    plain,
    { value: estimate + more.shift, error: standardError * more.widening, degrees: degreesOf(more, false) },
  ])
  return { loss: loss!, gain: gain! }
}

/**
 * Of BCa's bounds and Student's the most cautious ones: one-sided at `alpha`, and both ends of the interval. BCa alone is
 * too sure of areas on a hundred rows or fewer: it errs up to twice as often as it says. Both are of sums in which a few
 * rows weigh more than all others (squared errors where labels are log-normal): these are the rows that other data has
 * more of. Student's degrees of freedom are therefore not n − 1 but those of as many rows as make the variance. Where
 * losses (gains) are skewed, a few rows lose far more than the others, and the next one is worse than all of these with
 * probability 1 / (n + 1): Student's bound is then also taken of these rows and one more like the worst. By simulation of
 * log-normal losses (σ = 1) a true loss of the margin passes in 4 to 5 % of cases on 60 and 200 rows, in 8 % without it.
 *
 * Source: degrees of freedom from the variance's own variance, F. E. Satterthwaite, Biometrics Bulletin 2 (1946), which
 * are 2n / (κ − 1) for a mean of n rows of kurtosis κ. n / κ − 1, which is n − 1 where all rows weigh alike (and 1 at
 * least), allows as well for what he leaves out, that such a mean and its variance are small together: by simulation a true
 * loss of the margin passes in 3 to 5 % of cases where it did in 6 to 17 %.
 */
export function cautiousBounds(drawn: BootstrapResult, { loss, gain }: Readings, alpha: number): Bounds {
  const around = (level: number): readonly [number, number] => {
    const half = ({ error, degrees }: Reading) => studentQuantile(1 - level, degrees) * error
    return [
      Math.min(drawn.boundAt(level), ...loss.map((reading) => reading.value - half(reading))),
      Math.max(drawn.boundAt(1 - level), ...gain.map((reading) => reading.value + half(reading))),
    ]
  }
  const [lower, upper] = around(alpha)
  return { lower, upper, ci: around(alpha / 2) }
}

/** Of so many rows as make the variance; without end where they are counted. */
export const degreesOf = ({ effectiveUnits }: Pick<BootstrapResult, 'effectiveUnits'>, counted: boolean): number =>
  counted ? Infinity : Math.max(1, effectiveUnits - 1)

/** The normal z that is as far out as Student's t of such a value against another. */
export function zOfReading({ value, error, degrees }: Reading, against: number): number {
  if (value === against) return 0
  const t = (value - against) / error
  return degrees === Infinity ? t : -normalQuantile(studentSurvival(t, degrees))
}
