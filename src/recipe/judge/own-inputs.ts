import { beside, type Dataset, ownField } from '../../data/index.ts'
import type { Feeds, IsolatedSession, Session } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'

/** A model with the name that reports give it. */
export interface NamedModel {
  readonly name: string
  readonly model: Model
  /** The rows as this model wants them, where it wants them otherwise: the same rows in the same order. */
  readonly data?: Dataset | undefined
}

/** Makes a session of a model take its own inputs out of the feeds of all. */
export type Fit = (model: Model | string, session: IsolatedSession) => IsolatedSession

/**
 * One data set for models that want the same rows in different forms, and what fits their sessions to it: a session then
 * has its inputs under the names of the joint set, and passes over the feeds of others.
 *
 * @throws UserError `bad-data` where a model's own data does not hold the same rows.
 */
export async function ownInputs(
  models: readonly NamedModel[],
  data: Dataset,
): Promise<{ readonly data: Dataset; readonly fit?: Fit }> {
  const owners = models.filter((model) => model.data !== undefined)
  if (owners.length === 0) return { data }
  const names = new Map<Model | string, string>(owners.map(({ name, model }) => [model, name]))
  return {
    data: await beside(data, Object.fromEntries(owners.map((model) => [model.name, model.data!]))),
    fit: (model, session) => fitted(session, names.get(model)),
  }
}

function fitted(session: IsolatedSession, owner: string | undefined): IsolatedSession {
  const known = session.inputs.map(({ name }) => [name, owner === undefined ? name : ownField(owner, name)] as const)
  // Timed runs send the same feeds again and again; they cross to the process once where the object is the same.
  const kept = new WeakMap<Feeds, Feeds>()
  const own = (feeds: Feeds): Feeds => {
    const found = kept.get(feeds)
    if (found) return found
    const mine = Object.fromEntries(known.flatMap(([name, shown]) => (feeds[shown] ? [[name, feeds[shown]]] : [])))
    kept.set(feeds, mine)
    return mine
  }
  const { extremes } = session
  return {
    ...session,
    get firstMs() {
      return session.firstMs
    },
    get ranNs() {
      return session.ranNs ?? null
    },
    inputs: session.inputs.map((input, i) => ({ ...input, name: known[i]![1] })),
    run: (feeds, fetch) => session.run(own(feeds), fetch),
    fetchGroups: (feeds, values, budget) => session.fetchGroups(own(feeds), values, budget),
    ...(extremes ? { extremes: (feeds, values) => extremes(own(feeds), values) } : {}),
    timeRuns: (feeds, count, warm) => session.timeRuns(own(feeds), count, warm),
    timeArrivals: (feeds, arrivals) => session.timeArrivals(own(feeds), arrivals),
    allocations: (feeds, runs) => session.allocations(own(feeds), runs),
    peakMemory: () => session.peakMemory(),
    close: () => session.close(),
  }
}

/** Several sessions as one that takes the inputs of all: what they all run on is found by asking it. */
export function jointly(sessions: readonly Session[]): Session {
  const inputs = new Map(sessions.flatMap((session) => session.inputs.map((input) => [input.name, input] as const)))
  const [first] = sessions
  return {
    ...first!,
    inputs: [...inputs.values()],
    async run(feeds, fetch) {
      for (const other of sessions.slice(1)) await other.run(feeds)
      return first!.run(feeds, fetch)
    },
    async close() {
      for (const session of sessions) await session.close()
    },
  }
}
