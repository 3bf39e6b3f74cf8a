import type { Dataset } from '../data/index.ts'
import type { Feeds, Session } from '../engine/index.ts'
import { feedsFrom } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'
import type { OptimizationReport } from '../report/index.ts'

/** The feeds of the first of these rows: what one answer takes, for timing. */
export async function firstFeeds(session: Session, data: Dataset, indices: readonly number[] = [0]): Promise<Feeds> {
  for await (const feeds of feedsFrom(session, data, indices.slice(0, 1))) return feeds
  throw new UserError('bad-data', 'not one row could be read', {
    where: data.path,
    hint: 'give data with at least one row that can be read',
  })
}

/** What a person needs of these feeds to run the model: sizes, and the number of an input that is the same for all rows. */
export const exampleOf = (feeds: Feeds, constants: Dataset['constants']): NonNullable<OptimizationReport['example']> =>
  Object.entries(feeds).map(([name, { dims, data }]) => ({
    name,
    shape: [...dims],
    // Of rows nothing is told: they may be private.
    ...(name in constants && data.length === 1 ? { value: String(data[0]) } : {}),
  }))
