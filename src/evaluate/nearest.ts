/** The name among `known` that is fewest edits away from `name`, where it is near enough to be a slip; else null. */
export function nearest(name: string, known: readonly string[]): string | null {
  const wanted = name.toLowerCase()
  let best: { name: string; edits: number } | null = null
  for (const candidate of known) {
    const edits = editDistance([...wanted], [...candidate.toLowerCase()])
    if (!best || edits < best.edits) best = { name: candidate, edits }
  }
  return best && best.edits <= Math.max(1, Math.floor(name.length / 2)) ? best.name : null
}

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
