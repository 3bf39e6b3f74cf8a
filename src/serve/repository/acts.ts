import type { Act, AuditLog } from '../security/audit-log.ts'
import { invalid, ServeError, toServeError } from '../serve-error.ts'
import type { IndexEntry, ModelRegistry } from './registry.ts'

/** Who acts, as a face found out. */
export interface Actor {
  readonly who: string
  readonly from: string
}

/** Acts on the models of a server, each written to the audit log before it is answered. */
export class RepositoryActs {
  readonly #registry: ModelRegistry
  readonly #audit: AuditLog | null

  constructor(registry: ModelRegistry, audit: AuditLog | null) {
    this.#registry = registry
    this.#audit = audit
  }

  async index(readyOnly: boolean): Promise<readonly IndexEntry[]> {
    const all = await this.#registry.index()
    return readyOnly ? all.filter(({ state }) => state === 'READY') : all
  }

  /** `parameters` may name a `version`; configurations and files of the client's own are not taken. */
  load(model: string, parameters: Readonly<Record<string, unknown>>, actor: Actor): Promise<void> {
    const { version } = parameters
    return this.recorded('load', model, actor, typeof version === 'string' ? version : undefined, async () => {
      for (const name of Object.keys(parameters))
        if (name !== 'version')
          throw invalid(`failed to load '${model}': the parameter '${name.slice(0, 60)}' is not supported`)
      if (version !== undefined && typeof version !== 'string')
        throw invalid(`failed to load '${model}': the parameter 'version' must be a string`)
      await this.#registry.load(model, version ?? null)
    })
  }

  unload(model: string, actor: Actor): Promise<void> {
    return this.recorded('unload', model, actor, undefined, () => this.#registry.unload(model))
  }

  /** A refusal at the door is an act too. */
  refused(act: string, model: string, actor: Actor, reason: string): void {
    this.#write({ act, model, ...actor, outcome: 'refused', reason })
  }

  /** Does `work`, and writes down who did it and what came of it. */
  async recorded<T>(
    act: string,
    model: string,
    actor: Actor,
    version: string | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const head = { act, model, ...actor, ...(version === undefined ? {} : { version }) }
    const result = await work().catch((error: unknown) => {
      const told = toServeError(error, model)
      this.#write({ ...head, outcome: 'failed', reason: told.message })
      throw told
    })
    this.#write({ ...head, outcome: 'done' })
    return result
  }

  #write(act: Act): void {
    try {
      this.#audit?.record(act)
    } catch (cause) {
      const { act: what, model, outcome } = act
      throw new ServeError('internal', `${what} of '${model}' was ${outcome}, and cannot be written to the audit log`, {
        cause,
      })
    }
  }
}
