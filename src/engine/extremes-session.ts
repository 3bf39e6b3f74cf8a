import type { Model } from '../ir/index.ts'
import { type ExtremesNames, extremesFrom, withExtremesOf } from './inner-values.ts'
import { floatNames, type TypedOutputs } from './ort-groups.ts'
import type { Extremes, Feeds, Fetched } from './session.ts'

/** A session of a changed copy of a model that gives all of its outputs. */
export interface WholeSession extends TypedOutputs {
  run(feeds: Feeds): Promise<Fetched>
}

/** The extremes of inner values, by a copy of the model that gives nothing else. One copy at a time: each holds its weights. */
export class ExtremesSession {
  readonly #open: (changed: Model) => Promise<WholeSession>
  #last: {
    readonly key: string
    /** Null where none of the values is a float: the runtime refuses a run that asks for nothing. */
    readonly session: WholeSession | null
    readonly of: ReadonlyMap<string, ExtremesNames>
  } | null = null

  /** `open` opens a changed copy of the model. */
  constructor(open: (changed: Model) => Promise<WholeSession>) {
    this.#open = open
  }

  /** Extremes of those of the names that are floats, in one run. */
  async extremes(model: Model, feeds: Feeds, names: readonly string[]): Promise<ReadonlyMap<string, Extremes>> {
    const key = names.join('\u0000')
    if (this.#last?.key !== key) {
      await this.release()
      const floats = await floatNames(model, names, this.#open)
      const { model: changed, namesOf } = withExtremesOf(model, floats)
      this.#last = { key, session: floats.length > 0 ? await this.#open(changed) : null, of: namesOf }
    }
    const { session, of } = this.#last
    return session ? extremesFrom(await session.run(feeds), of) : new Map()
  }

  async release(): Promise<void> {
    const last = this.#last
    this.#last = null
    await last?.session?.release()
  }
}
