import { UserError } from '../platform/index.ts'
import type { Feeds, TensorValue } from './session.ts'

/** Where values that a model is fed come from, for whoever can mend them. */
interface Origin {
  /** A file and its rows, say. */
  readonly where: string
  /** What to do where the model does not run on them. */
  readonly hint: string
}

/** What to do where a run fails by the graph, and not by what it is fed: wherever that comes from, it holds. */
export const GRAPH_REFUSED =
  'The graph asks for what this runtime does not have, so that other inputs hardly help: mend what is named where the model is made, and export it again.'

// Beside the values, not in them: they cross to other processes, and are compared. By value, since feeds are taken apart
// and put together on their way to a session.
const origins = new WeakMap<TensorValue, Origin>()

/** The same feeds, of which an error of a run will say where they come from. */
export function comingFrom<F extends Feeds>(origin: Origin, feeds: F): F {
  for (const value of Object.values(feeds)) origins.set(value, origin)
  return feeds
}

/** What a run on these feeds gives; a refusal of their values says where they come from, if that is known. */
export async function tellingOrigin<T>(feeds: Feeds, run: Promise<T>): Promise<T> {
  try {
    return await run
  } catch (error) {
    const origin = Object.values(feeds).flatMap((value) => origins.get(value) ?? [])[0]
    if (!origin || !(error instanceof UserError) || error.code !== 'bad-data') throw error
    const where = error.where === undefined ? origin.where : `${error.where} on ${origin.where}`
    const hint = error.hint === GRAPH_REFUSED ? GRAPH_REFUSED : origin.hint
    throw new UserError('bad-data', error.message, { where, hint, cause: error.cause })
  }
}
