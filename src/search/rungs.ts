/** Selection rows that candidates are judged on, step by step: most are told apart by a few. */
const RUNGS = [4, 16, 64, 256, 1024] as const
/** The first step, where rows are not slow. */
export const FIRST_RUNG = RUNGS[2]

/** The steps from the `first` on that there are rows for; the last takes all where they are fewer. */
export function rungsFor(rows: number, first: number = FIRST_RUNG): readonly number[] {
  const rungs = RUNGS.filter((rung) => rung >= Math.min(first, FIRST_RUNG))
  return rungs.filter((_, step) => step === 0 || rungs[step - 1]! < rows)
}

/**
 * Those that the next rows are spent on, of candidates that take the same time and are given the best first: the better
 * half, of those that are not shown to be worse, and always one (successive halving: Jamieson, Talwalkar 2016).
 */
export function betterHalf<T>(ordered: readonly T[], worse: (item: T) => boolean): readonly T[] {
  const left = ordered.filter((item) => !worse(item))
  return left.length === 0 ? ordered.slice(0, 1) : left.slice(0, Math.ceil(ordered.length / 2))
}
