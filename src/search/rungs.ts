/** Selection rows that candidates are judged on, step by step: most are told apart by a few. */
const RUNGS = [64, 256, 1024] as const

/** The steps that there are rows for; the last takes all where they are fewer. A smaller `first` one comes before. */
export function rungsFor(rows: number, first: number = RUNGS[0]): readonly number[] {
  const rungs = first < RUNGS[0] ? [first, ...RUNGS] : RUNGS
  return rungs.filter((_, step) => step === 0 || rungs[step - 1]! < rows)
}

/**
 * Those that the next rows are spent on, of candidates that take the same time: the safer half of the ones that are not
 * shown to be worse, and always one (successive halving: Jamieson, Talwalkar 2016).
 */
export function saferHalf<T>(
  items: readonly T[],
  safety: (item: T) => number,
  worse: (item: T) => boolean,
): readonly T[] {
  const order = [...items].sort((a, b) => Number(worse(a)) - Number(worse(b)) || safety(b) - safety(a))
  const left = order.filter((item) => !worse(item)).length
  return order.slice(0, Math.max(1, Math.min(left, Math.ceil(items.length / 2))))
}
