import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { explainSystemError, UserError } from '../../platform/index.ts'
import { ServeError } from '../serve-error.ts'
import { TokenBucket } from './token-bucket.ts'

/** What a key may do: run models, read what the server says of itself, load and unload. */
export const SCOPES = ['infer', 'read', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** A key as the file of keys holds it: the key itself is nowhere but with its owner. */
export interface StoredKey {
  readonly name: string
  /** `sha256:` of the key; keys have 256 random bits, so that a fast hash gives nothing away. */
  readonly hash: string
  readonly scopes: readonly Scope[]
  /** Keys of one tenant share cached answers; the key's own name by default. */
  readonly tenant?: string
  /** Models that it may use; all by default. */
  readonly models?: readonly string[]
  /** On average; any number by default. */
  readonly requestsPerSecond?: number
  /** At once; what a second allows by default. */
  readonly burst?: number
}

interface Key extends StoredKey {
  readonly bucket: TokenBucket | null
}

/** The keys that a server knows. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, Key>

  constructor(keys: readonly StoredKey[]) {
    this.#keys = new Map(
      keys.map((key) => [
        key.hash,
        {
          ...key,
          bucket: key.requestsPerSecond
            ? new TokenBucket(key.requestsPerSecond, key.burst ?? Math.max(1, key.requestsPerSecond))
            : null,
        },
      ]),
    )
  }

  /**
   * The owner of a presented key. Keys are found by their hash, so that the time taken says nothing about them.
   *
   * @throws ServeError `unauthenticated`, `forbidden`, or `too-many` above the key's rate.
   */
  admit(presented: string | undefined, scope: Scope, model?: string): StoredKey {
    if (!presented) throw new ServeError('unauthenticated', 'an API key is required')
    const key = this.#keys.get(hashOf(presented))
    if (!key) throw new ServeError('unauthenticated', 'the API key is not known')
    if (!key.scopes.includes(scope)) throw new ServeError('forbidden', `the API key does not have the scope '${scope}'`)
    if (model !== undefined) checkModel(key.models, model)
    const waitMs = key.bucket?.take() ?? 0
    if (waitMs > 0)
      throw new ServeError('too-many', 'the API key is over its rate', {
        retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
      })
    return key
  }
}

/** @throws ServeError `forbidden` where the models of a key do not hold this one. */
export function checkModel(models: readonly string[] | undefined, model: string): void {
  if (models && !models.includes(model))
    throw new ServeError('forbidden', 'the API key is not allowed to use this model')
}

const hashOf = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

/** A new key and the entry of the file that lets it in. The key is shown once and kept nowhere. */
export function makeKey(name: string, scopes: readonly Scope[]): { readonly key: string; readonly entry: StoredKey } {
  const key = `whet_${randomBytes(32).toString('base64url')}`
  return { key, entry: { name, hash: hashOf(key), scopes } }
}

/**
 * Reads a file of keys: `{"keys": [{"name", "hash", "scopes", …}]}`.
 *
 * @throws UserError that names the entry and what is wrong with it.
 */
export function readKeys(path: string): readonly StoredKey[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw explainSystemError(error, path, 'read')
  }
  let json: { keys?: unknown }
  try {
    json = JSON.parse(text) as { keys?: unknown }
  } catch (cause) {
    throw bad(path, 'it is not JSON', cause)
  }
  if (!Array.isArray(json?.keys)) throw bad(path, 'it has no list "keys"')
  return json.keys.map((value, i) => {
    const key = value as Partial<StoredKey>
    const wrong = (what: string) =>
      bad(path, `key ${i + 1}${typeof key.name === 'string' ? ` (${key.name})` : ''}: ${what}`)
    if (typeof key.name !== 'string' || key.name === '') throw wrong('it has no "name"')
    if (!/^sha256:[0-9a-f]{64}$/.test(key.hash ?? '')) throw wrong('"hash" is not sha256: and 64 hexadecimal digits')
    if (!Array.isArray(key.scopes) || key.scopes.some((scope) => !SCOPES.includes(scope)))
      throw wrong(`"scopes" may hold ${SCOPES.join(', ')}`)
    for (const field of ['requestsPerSecond', 'burst'] as const)
      if (key[field] !== undefined && !(Number(key[field]) > 0)) throw wrong(`"${field}" must be a number above 0`)
    if (key.models !== undefined && !Array.isArray(key.models)) throw wrong('"models" must be a list of names')
    return key as StoredKey
  })
}

const bad = (path: string, what: string, cause?: unknown) =>
  new UserError('bad-data', `the file of keys cannot be used: ${what}`, {
    where: path,
    hint: 'whet serve --make-key NAME --keys FILE writes a valid entry',
    cause,
  })
