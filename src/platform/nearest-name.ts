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

/** The name among `known` that is fewest edits away from `asked`, letter case aside; undefined where there is none. */
export function closestName(asked: string, known: readonly string[]): string | undefined {
  return ranked(asked, known)?.name
}

/** The same, where it is near enough to be a slip: at most half of the letters differ, or one. */
export function nearestName(asked: string, known: readonly string[]): string | undefined {
  const best = ranked(asked, known)
  return best && best.edits <= Math.max(1, Math.floor(asked.length / 2)) ? best.name : undefined
}

function ranked(asked: string, known: readonly string[]): { name: string; edits: number } | undefined {
  const wanted = [...asked.toLowerCase()]
  let best: { name: string; edits: number } | undefined
  for (const name of known) {
    const edits = editDistance(wanted, [...name.toLowerCase()])
    if (!best || edits < best.edits) best = { name, edits }
  }
  return best
}
