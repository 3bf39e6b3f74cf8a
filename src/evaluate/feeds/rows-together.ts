import type { Feeds, Session } from '../../engine/index.ts'

/** Bytes of looked-at values that one run may make where several rows share it: about what the processor's cache holds. */
const SHARED_BYTES = 2 ** 24

/**
 * How many rows share a run that looks at the values `names`: `most` where the values are small, else one. Several rows
 * at once spare small models the price of a call, and cost large ones memory and the cache.
 */
export async function rowsTogether(
  session: Session,
  row: Feeds,
  names: readonly string[],
  most: number,
): Promise<number> {
  if (most === 1) return 1
  return (await session.fetchGroups(row, names, SHARED_BYTES / most)).length <= 1 ? most : 1
}
