/**
 * Consecutive names in groups whose sizes (bytes) together stay within `byteBudget`; a larger value makes a group of
 * its own. Names without a size are left out.
 */
export function groupNames(
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
  byteBudget: number,
): readonly (readonly string[])[] {
  const groups: string[][] = []
  let room = 0
  for (const name of new Set(names)) {
    const size = sizes.get(name)
    if (size === undefined) continue
    if (groups.length === 0 || size > room) {
      groups.push([])
      room = byteBudget
    }
    groups.at(-1)!.push(name)
    room -= size
  }
  return groups
}
