/** A candidate's figure in the goal (smaller is better), and the bytes of its file, which decide where figures tie. */
export interface Standing {
  readonly figure: number
  /** What is known of the figure, where it was measured with an error. */
  readonly interval?: readonly [number, number] | undefined
  readonly bytes: number
  /** Whether its answers are the original's but for the rounding of floats, as the lossless model's are. */
  readonly sameAnswers?: boolean
}

/**
 * Share of the other's figure, or of the original's bytes or time, below which a candidate gains anything: what differs by
 * less is a tie, and worth no change of answers.
 */
export const WORTH_IT = 0.98
/** Beyond this no interval makes a tie: in a very disturbed moment they say little. */
const CLEARLY = 0.9
/**
 * So much of the other's bytes, at most, wins a tie; half of them where the other keeps the answers and this one does
 * not.
 */
const TIE_SMALLER = 0.9
const WORTH_CHANGES = 0.5

/** Whether `one` is worth having in place of `other`: better in the goal, or as good and a smaller file. */
export const worthMore = (one: Standing, other: Standing): boolean => beats(one, other) || winsTie(one, other)

/** Clearly better, or better by more than a tie and by more than the error: neither lies within the other's interval. */
const beats = (one: Standing, other: Standing): boolean =>
  one.figure < CLEARLY * other.figure ||
  (one.figure < WORTH_IT * other.figure &&
    one.figure < (other.interval?.[0] ?? Number.POSITIVE_INFINITY) &&
    other.figure > (one.interval?.[1] ?? Number.NEGATIVE_INFINITY))

function winsTie(one: Standing, other: Standing): boolean {
  const smaller = other.sameAnswers && !one.sameAnswers ? WORTH_CHANGES : TIE_SMALLER
  return !beats(other, one) && one.bytes < smaller * other.bytes
}

/**
 * The best first. What a tie of figures leaves open is decided by what no clock has a part in: a clearly smaller file,
 * else the place in the list as it is given. Ties are not transitive, so each place is given on its own, among all that
 * tie with the best figure of those left.
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
