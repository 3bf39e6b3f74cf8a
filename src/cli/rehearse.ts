import { openDataset } from '../data/index.ts'
import type { Feeds, Session } from '../engine/index.ts'
import { feasibleFeeds, feedsOf, measureBatchInvariance, randomFeeds, sharedRunObstacle } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'
import type { Rehearse } from '../serve/index.ts'

/** Rows that a rehearsal runs, alone and among neighbours. */
const ROWS = 4

/**
 * Tries a model before it serves, on rows of `samples` (a data set) or on random inputs that it accepts: what it takes,
 * and whether a row's answer depends on the rows beside it. A model that accepts nothing random is served all the same,
 * unmeasured and without batches across requests.
 */
export const rehearseOn =
  (samples: string | undefined, shapes: Shapes = {}): Rehearse =>
  async (session, _file, judge) => {
    let rows: readonly Feeds[]
    try {
      rows = samples === undefined ? await randomRows(session, shapes) : await dataRows(session, samples)
    } catch (error) {
      if (!(error instanceof UserError) || samples !== undefined) throw error
      return { samples: [], invariance: null }
    }
    if (!judge) return { samples: rows, invariance: null }
    if (rows.length < 2)
      return { samples: rows, invariance: { all: false, reason: 'there are fewer than two sample rows to compare' } }
    const invariance = await measureBatchInvariance(session, rows)
    const obstacle = invariance.all ? await sharedRunObstacle(session, rows) : null
    return { samples: rows, invariance: obstacle === null ? invariance : { all: false, reason: obstacle } }
  }

type Shapes = Readonly<Record<string, readonly number[]>>

async function randomRows(session: Session, shapes: Shapes): Promise<readonly Feeds[]> {
  const { settings } = await feasibleFeeds(session, { rows: 1, shapes })
  return Array.from({ length: ROWS }, (_, seed) => randomFeeds(session.inputs, { ...settings, shapes, rows: 1, seed }))
}

async function dataRows(session: Session, path: string): Promise<readonly Feeds[]> {
  const inputs = session.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }))
  const data = await openDataset(path, { inputs })
  const rows: Feeds[] = []
  for await (const row of data.read({ batch: 1 })) {
    rows.push(feedsOf(row, session.inputs, data))
    if (rows.length === ROWS) break
  }
  return rows
}
