/** A candidate's figure in the goal (smaller is better), and the bytes of its file, which decide where figures tie. */
export interface Standing {
  readonly figure: number
  /** Confidence interval of the figure, where it was measured. */
  readonly interval?: readonly [number, number] | undefined
  readonly bytes: number
  /** Whether it answers as the original does up to float rounding, as the lossless model does. */
  readonly sameAnswers?: boolean
}

/**
 * A candidate gains something only below this share of the other's figure, or of the original's bytes or time. A
 * smaller difference is a tie, and not worth changed answers.
 */
export const WORTH_IT = 0.98
/** Below this share a figure is better whatever the intervals: these say little where timing was badly disturbed. */
const CLEARLY = 0.9
/** A tie is won by a file of at most this share of the other's bytes… */
const TIE_SMALLER = 0.9
/** …or this share, where only the other keeps the original's answers. */
const WORTH_CHANGES = 0.5

/** Whether `one` should replace `other`: it is better in the goal, or as good with a smaller file. */
export const worthMore = (one: Standing, other: Standing): boolean => beats(one, other) || winsTie(one, other)

/** Clearly better, or better by more than a tie with neither figure inside the other's interval. */
export const beats = (one: Standing, other: Standing): boolean =>
  one.figure < CLEARLY * other.figure ||
  (one.figure < WORTH_IT * other.figure &&
    one.figure < (other.interval?.[0] ?? Number.POSITIVE_INFINITY) &&
    other.figure > (one.interval?.[1] ?? Number.NEGATIVE_INFINITY))

function winsTie(one: Standing, other: Standing): boolean {
  const smaller = other.sameAnswers && !one.sameAnswers ? WORTH_CHANGES : TIE_SMALLER
  return !beats(other, one) && one.bytes < smaller * other.bytes
}

/**
 * The best first. Ties are decided without timings: by a clearly smaller file, else by the order in the list. Ties are
 * not transitive, so each place is filled in turn, from all that tie with the best figure left.
 */
export function byPreference<T extends Standing>(list: readonly T[]): readonly T[] {
  const left = [...list]
  const ordered: T[] = []
  while (left.length > 0) {
    const best = left.reduce((least, one) => (one.figure < least.figure ? one : least))
    const tied = left.filter((one) => !beats(best, one))
    const [first] = tied as [T, ...T[]]
    const smaller = tied.filter((one) => winsTie(one, first))
    const next = smaller.reduce((least, one) => (one.bytes < least.bytes ? one : least), first)
    ordered.push(next)
    left.splice(left.indexOf(next), 1)
  }
  return ordered
}
