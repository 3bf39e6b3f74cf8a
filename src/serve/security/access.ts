import { isLoopback } from '../../platform/index.ts'
import type { Caller } from '../core.ts'
import { ServeError } from '../serve-error.ts'
import type { KeyRing, Scope } from './keys.ts'

/** What a face knows of who speaks to it. */
export interface Knock {
  /** `Authorization: Bearer KEY` or `X-Api-Key: KEY`. */
  readonly key: string | undefined
  readonly address: string
  /** The header Host, the header Origin, and whether something forwarded the request. */
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly forwarded?: boolean
}

/** Who may do what. */
export class Access {
  readonly #keys: KeyRing | null
  readonly #loopback: boolean

  /** `loopback`: the face can be reached from this machine alone. */
  constructor(keys: KeyRing | null, loopback: boolean) {
    this.#keys = keys
    this.#loopback = loopback
  }

  /**
   * With keys, the key decides. Without, everybody may ask; acts are for this machine alone: a face that others can
   * reach refuses them, and so does every face where a web page or a proxy may stand behind the request.
   *
   * @throws ServeError
   */
  admit(knock: Knock, scope: Scope, model?: string): Caller {
    if (this.#keys) {
      const key = this.#keys.admit(knock.key, scope, model)
      return { tenant: key.tenant ?? key.name, name: key.name, models: key.models }
    }
    if (scope === 'admin') this.#admitAct(knock)
    return { tenant: '', name: knock.address }
  }

  #admitAct({ address, host, origin, forwarded }: Knock): void {
    if (!this.#loopback || !isLoopback(address))
      throw new ServeError('forbidden', 'acts on models need an API key here: start the server with keys')
    const name = host?.replace(/:\d+$/, '')
    if (origin !== undefined || forwarded || (name !== undefined && !isLoopback(name)))
      throw new ServeError(
        'forbidden',
        'acts on models are not taken from web pages or through proxies without an API key',
      )
  }
}

/** The key of an `Authorization` or `X-Api-Key` header. */
export function keyOf(authorization: string | undefined, apiKey: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? apiKey
}
