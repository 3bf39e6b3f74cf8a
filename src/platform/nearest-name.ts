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

/**
 * The name among `known` that is fewest edits away from `asked`, letter case aside, where it is near enough to be a
 * slip: one letter, or at most half of them after the same first one, since slips seldom begin a word; else the longest
 * that begins with the words asked for, or that they begin with, as `time` for `time-budget`.
 */
export function nearestName(asked: string, known: readonly string[]): string | undefined {
  const wanted = [...asked.toLowerCase()]
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(wanted.length / 2)) + 1
  for (const name of known) {
    const letters = [...name.toLowerCase()]
    const edits = editDistance(wanted, letters)
    // Names of one letter have nothing in common that a slip could have left.
    const alike = edits < Math.max(wanted.length, letters.length)
    if (alike && edits < least && (edits <= 1 || letters[0] === wanted[0])) [nearest, least] = [name, edits]
  }
  if (nearest !== undefined) return nearest
  const begins = (long: string, short: string) => long.toLowerCase().startsWith(`${short.toLowerCase()}-`)
  return known
    .filter((name) => name !== '' && (begins(asked, name) || begins(name, asked)))
    .reduce<string | undefined>((best, name) => (best && best.length >= name.length ? best : name), undefined)
}

/** `did you mean "x"? `, the beginning of a hint; empty where no name is near. */
export function didYouMean(asked: string, known: readonly string[]): string {
  const near = nearestName(asked, known)
  return near === undefined ? '' : `did you mean "${near}"? `
}
