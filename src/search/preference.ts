/** A candidate's figure in the goal (smaller is better), and the bytes of its file, which decide where figures tie. */
export interface Standing {
  readonly figure: number
  readonly bytes: number
}

/** What must be saved in the goal to be worth any more change of answers; what differs by less is a tie. */
export const WORTH_IT = 0.98
/** So much of the other's bytes, at the most, wins a tie. */
const SMALLER = 0.9

/** Whether `one` is worth having in place of `other`: better in the goal, or as good and a smaller file. */
export const worthMore = (one: Standing, other: Standing): boolean =>
  one.figure < WORTH_IT * other.figure || winsTie(one, other)

const winsTie = (one: Standing, other: Standing) =>
  one.figure * WORTH_IT <= other.figure && one.bytes < SMALLER * other.bytes

/**
 * The best first: the best figure, unless something as good has a smaller file, which then comes before it. Ties are
 * not transitive, so each place is given on its own: of all that tie with the best of those left, the smallest.
 */
export function byPreference<T extends Standing>(list: readonly T[]): readonly T[] {
  const left = [...list].sort((a, b) => a.figure - b.figure)
  const ordered: T[] = []
  while (left.length > 0) {
    const [best] = left as [T, ...T[]]
    const rivals = left.filter((one) => winsTie(one, best))
    const next = rivals.reduce((least, one) => (one.bytes < least.bytes ? one : least), best)
    ordered.push(next)
    left.splice(left.indexOf(next), 1)
  }
  return ordered
}
