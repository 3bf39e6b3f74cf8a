import type { Dataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { allFeeds, measureBatchInvariance } from '../evaluate/index.ts'

/** As many rows as one batch of the measurement holds. */
const ROWS = 4

/**
 * Why a candidate's answer to a row depends on the rows that share its run, where the original's does not: one scale for
 * a whole batch lets strangers' rows change an answer, which rows judged one by one never show. Null where nothing
 * changes, or where there are no two rows to tell.
 */
export async function neighboursChange<M>(
  lend: <T>(model: M, ask: (session: Session) => Promise<T>) => Promise<T>,
  original: M,
  candidate: M,
  data: Dataset,
  indices: readonly number[],
): Promise<string | null> {
  if (indices.length < 2) return null
  const measured = (model: M) =>
    lend(model, async (session) => {
      const rows = await allFeeds(session, data, indices.slice(0, ROWS))
      return rows.length < 2 ? null : await measureBatchInvariance(session, rows)
    })
  const found = await measured(candidate)
  if (!found || found.all || (await measured(original))?.all !== true) return null
  return `an answer depends on the rows beside it in a batch (${found.reason}): run such a model row by row, as whet serve and whet predict do`
}
