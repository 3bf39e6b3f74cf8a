import type { Feeds, Session } from '../../engine/index.ts'
import { freeMemory } from '../../platform/index.ts'

/** So many runs for each row are worth their memory. */
const FEW = 4
/** Of the machine's free memory so much at most, with every value standing in it several times. */
const OF_FREE = 1 / 24

/**
 * Inner values in groups that are fetched together, of at most `bytes` each. Where that makes many groups, each of them a
 * run for every row, they may be as much larger as the machine has memory for: a network over pictures of 1024×1024 makes
 * values of 256 MB, which would take 50 runs of seconds for each row.
 */
export async function fewGroups(
  session: Pick<Session, 'fetchGroups'>,
  feeds: Feeds,
  names: readonly string[],
  bytes: number,
  free: number = freeMemory(),
): Promise<readonly (readonly string[])[]> {
  const groups = await session.fetchGroups(feeds, names, bytes)
  const more = Math.min((bytes * groups.length) / FEW, free * OF_FREE)
  return groups.length > FEW && more > bytes ? session.fetchGroups(feeds, names, more) : groups
}
