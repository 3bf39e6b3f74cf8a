import type { Dataset } from '../../data/index.ts'
import type { Feeds, Session } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { feedsOf } from './feeds.ts'

/** Bytes of looked-at values that one run may make where several rows share it: about what the processor's cache holds. */
const SHARED_BYTES = 2 ** 24

/**
 * How many rows share a run that looks at the values `names`: `most` where the values are small and the model takes so
 * many, else one. Several rows at once spare small models the price of a call, and cost large ones memory and the cache.
 *
 * @param row Feeds of the row that makes the largest values.
 * @param indices The rows that will be read.
 */
export async function rowsTogether(
  session: Session,
  data: Dataset,
  {
    row,
    names,
    indices,
    most,
  }: {
    readonly row: Feeds
    readonly names: readonly string[]
    readonly indices: readonly number[]
    readonly most: number
  },
): Promise<number> {
  if (most === 1 || (await session.fetchGroups(row, names, SHARED_BYTES / most)).length > 1) return 1
  return (await takesSeveral(session, data, indices.slice(0, 2))) ? most : 1
}

/**
 * Whether a run of these rows together goes through: exporters call the first axis `batch` also where the graph behind it
 * was written for one row. A row that is wrong in itself is left to the run of that row alone, which says so.
 */
async function takesSeveral(session: Session, data: Dataset, indices: readonly number[]): Promise<boolean> {
  try {
    for await (const rows of data.read({ indices, batch: indices.length }))
      if (rows.indices.length > 1) await session.run(feedsOf(rows, session.inputs, data))
    return true
  } catch (error) {
    if (error instanceof UserError && error.code === 'bad-data') return false
    throw error
  }
}
