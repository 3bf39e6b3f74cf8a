import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { UserError } from '../platform/index.ts'
import { measureBatchInvariance } from './batch-invariance.ts'
import { allFeeds } from './feeds/feeds.ts'
import { fixedRows } from './feeds/fixed-rows.ts'

/**
 * A model that takes exactly several rows at a time runs a single one beside copies of itself. That asks for answers
 * which are each row's own: the first two rows are run together to see it.
 *
 * @throws UserError `unsupported` where the answers of such a model depend on the rows beside them, as of one that holds
 * two pictures against each other.
 */
export async function requireOwnAnswers(session: Session, data: Dataset): Promise<void> {
  const together = fixedRows(session.inputs, data)
  if (together === null || data.rows < 2) return
  const { all, reason } = await measureBatchInvariance(session, await allFeeds(session, data, [0, 1]))
  if (all) return
  throw new UserError(
    'unsupported',
    `the model takes exactly ${together} rows at a time and answers them together: ${reason}`,
    {
      where: data.path,
      hint: `let each row of the data be a whole run, with the axis of ${together} in it`,
    },
  )
}
