/** Levenshtein distance (1966): insertions, deletions and substitutions, each counting 1. Works on any elements. */
export function editDistance<T>(from: readonly T[], to: readonly T[]): number {
  let previous = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const current = [i]
    for (let j = 1; j <= to.length; j++)
      current.push(
        Math.min(current[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)),
      )
    previous = current
  }
  return previous[to.length]!
}

/** Letters at the beginning that are no chance. */
const LONG = 4

/**
 * The name among `known` that is fewest edits away from `asked`, letter case aside, where it is near enough to be a
 * slip: one letter, or a third of them after the same first one, since slips seldom begin a word, or half of them
 * where a long first half is the same, as `compare` for `comparison`; else the longest that begins with the words asked for, or
 * that they begin with, as `time` for `time-budget`.
 */
export function nearestName(asked: string, known: readonly string[]): string | undefined {
  const wanted = [...asked.toLowerCase()]
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  const half = Math.ceil(wanted.length / 2)
  for (const name of known) {
    const letters = [...name.toLowerCase()]
    const edits = Math.min(
      editDistance(wanted, letters),
      sorted(wanted) === sorted(letters) ? 1 : Number.POSITIVE_INFINITY,
    )
    const sameHalf = half >= LONG && wanted.slice(0, half).join('') === letters.slice(0, half).join('')
    const limit = letters[0] === wanted[0] ? Math.max(1, Math.floor(wanted.length / (sameHalf ? 2 : 3))) : 1
    // Names of one letter have nothing in common that a slip could have left.
    const alike = edits < Math.max(wanted.length, letters.length)
    if (alike && edits <= limit && edits < least) [nearest, least] = [name, edits]
  }
  if (nearest !== undefined) return nearest
  const begins = (long: string, short: string) => long.toLowerCase().startsWith(`${short.toLowerCase()}-`)
  return known
    .filter((name) => name !== '' && (begins(asked, name) || begins(name, asked)))
    .reduce<string | undefined>((best, name) => (best && best.length >= name.length ? best : name), undefined)
}

/** Letters in another order are one slip. */
const sorted = (letters: readonly string[]) => [...letters].sort().join('')

/** `did you mean "x"? `, the beginning of a hint; empty where no name is near. */
export function didYouMean(asked: string, known: readonly string[]): string {
  const near = nearestName(asked, known)
  return near === undefined ? '' : `did you mean "${near}"? `
}
