/** Edits (insert, delete, replace) that turn one text into the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** The name closest to what was asked, letter case aside; undefined where nothing is near (over half differs). */
export function nearestName(asked: string, names: readonly string[]): string | undefined {
  const distances = names.map((name) => ({ name, distance: editDistance(asked.toLowerCase(), name.toLowerCase()) }))
  const best = distances.sort((a, b) => a.distance - b.distance)[0]
  return best && best.distance <= Math.max(asked.length, best.name.length) / 2 ? best.name : undefined
}

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(asked: string, names: readonly string[]): string {
  const nearest = nearestName(asked, names)
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`
}

/** `"a", "b", "c"`, cut after a dozen. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, 12).map((name) => `"${name}"`)
  return names.length > 12 ? `${shown.join(', ')} and ${names.length - 12} more` : shown.join(', ')
}
