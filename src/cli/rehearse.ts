import { openDataset } from '../data/index.ts'
import type { Feeds, Session } from '../engine/index.ts'
import { feasibleFeeds, feedsOf, measureBatchInvariance, randomFeeds, sharedRunObstacle } from '../evaluate/index.ts'
import { UserError } from '../platform/index.ts'
import type { Log, Rehearse } from '../serve/index.ts'

/** Rows that a rehearsal runs, alone and among neighbours. */
const ROWS = 4

/**
 * Tries a model before it serves, on rows of `samples` (a data set) or on random inputs that it accepts: what it takes,
 * and whether a row's answer depends on the rows beside it. Samples need not fit every model of a folder: one that they
 * do not fit is tried on random inputs, and the log says so. A model that accepts nothing random is served all the same,
 * unmeasured and without batches across requests.
 */
export const rehearseOn =
  (samples: string | undefined, shapes: Shapes = {}, log?: Log): Rehearse =>
  async (session, { model, version }, judge) => {
    const fromData = samples === undefined ? null : await unlessUnfit(dataRows(session, samples))
    if (fromData instanceof UserError && judge) {
      const { message: error, hint } = fromData
      log?.warn('the samples do not fit a model: random inputs try it', { model, version, error, hint })
    }
    const rows = Array.isArray(fromData) ? fromData : await unlessUnfit(randomRows(session, shapes))
    if (rows instanceof UserError) return { samples: [], invariance: null }
    if (!judge) return { samples: rows, invariance: null }
    if (rows.length < 2)
      return { samples: rows, invariance: { all: false, reason: 'there are fewer than two sample rows to compare' } }
    const invariance = await measureBatchInvariance(session, rows)
    const obstacle = invariance.all ? await sharedRunObstacle(session, rows) : null
    return { samples: rows, invariance: obstacle === null ? invariance : { all: false, reason: obstacle } }
  }

type Shapes = Readonly<Record<string, readonly number[]>>

/** The rows, or why this model cannot have them. */
const unlessUnfit = (rows: Promise<Feeds[]>): Promise<Feeds[] | UserError> =>
  rows.catch((error: unknown) => {
    if (error instanceof UserError) return error
    throw error
  })

async function randomRows(session: Session, shapes: Shapes): Promise<Feeds[]> {
  const { settings } = await feasibleFeeds(session, { rows: 1, shapes })
  return Array.from({ length: ROWS }, (_, seed) => randomFeeds(session.inputs, { ...settings, shapes, rows: 1, seed }))
}

async function dataRows(session: Session, path: string): Promise<Feeds[]> {
  const inputs = session.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape }))
  const data = await openDataset(path, { inputs })
  const rows: Feeds[] = []
  for await (const row of data.read({ batch: 1 })) {
    rows.push(feedsOf(row, session.inputs, data))
    if (rows.length === ROWS) break
  }
  return rows
}
