import { UserError } from '../platform/index.ts'
import { authorize, refused } from './credentials.ts'
import { type Answer, bodyChunks, type Call, discard, exchange, readBody, safeUrl } from './http.ts'
import { bytesBlob, checked, digestOf, moved, noVersion, tampered } from './layout.ts'
import type { Location } from './location.ts'
import {
  type Descriptor,
  hexOf,
  isDigest,
  MEDIA,
  MOST_MANIFEST_BYTES,
  parseDescriptor,
  parseJson,
  referencesIn,
} from './oci.ts'
import { isOwnTag } from './reference.ts'
import {
  type Blob,
  type Entry,
  Missing,
  type PublishOptions,
  type Repository,
  type StoredManifest,
} from './repository.ts'

type Registry = Extract<Location, { kind: 'registry' }>

const ACCEPT = [MEDIA.manifest, MEDIA.index, 'application/vnd.docker.distribution.manifest.v2+json'].join(', ')
const MOST_LIST_BYTES = 16 << 20
/** A registry that never ends its list of tags. */
const MOST_PAGES = 1000

/** One name in a registry, by the OCI distribution specification 1.1 (and 1.0, without the referrers interface). */
export function openRegistry(registry: Registry, name: string): Repository {
  return new RegistryRepository(registry, name)
}

/** The names below the store's prefix. UserError `unsupported` where the registry keeps them to itself. */
export async function registryNames({ origin, prefix }: Registry): Promise<readonly string[]> {
  const line = new Line(origin)
  const names: string[] = []
  for await (const page of pages(line, '/v2/_catalog?n=1000')) {
    if (page === undefined)
      throw new UserError('unsupported', 'the registry does not tell which names it has', {
        where: origin,
        hint: 'name the model',
      })
    names.push(...listOf(page, 'repositories'))
  }
  const below = prefix === '' ? '' : `${prefix}/`
  return names
    .filter((name) => name.startsWith(below))
    .map((name) => name.slice(below.length))
    .sort()
}

/** Calls to one registry, with the credentials that it asked for. */
class Line {
  readonly origin: string
  #authorization: string | undefined

  constructor(origin: string) {
    this.origin = origin
  }

  /** Answers below 400, and the ones in `also`; others are UserErrors that say what the registry said. */
  async call(path: string | URL, call: Omit<Call, 'url'>, also: readonly number[] = []): Promise<Answer> {
    const url = typeof path === 'string' ? new URL(path, this.origin) : path
    const send = () => {
      const own = url.origin === this.origin && this.#authorization !== undefined
      return exchange({
        ...call,
        url,
        headers: { ...call.headers, ...(own ? { authorization: this.#authorization! } : {}) },
      })
    }
    let answer = await send()
    if (answer.status === 401) {
      discard(answer)
      const authorization = await authorize(answer)
      if (authorization === null) throw refused(url, 401)
      this.#authorization = authorization
      answer = await send()
    }
    if (answer.status < 400 || also.includes(answer.status)) return answer
    throw await problem(answer, call)
  }
}

async function problem(answer: Answer, { method }: Omit<Call, 'url'>): Promise<UserError> {
  const { status, url } = answer
  if (status === 401 || status === 403) {
    discard(answer)
    return refused(url, status)
  }
  const said = await wordsOf(answer)
  const busy = status >= 500 || status === 429
  return new UserError(
    busy ? 'busy' : 'bad-data',
    `the registry answers ${status} to ${method}${said ? `: ${said}` : ''}`,
    {
      where: url.href,
      hint: busy
        ? 'it has a problem of its own: repeat later; nothing half-made is visible'
        : 'check that this is an OCI registry',
    },
  )
}

/** Codes and messages of an error body, shortened; whatever else it is, is not repeated. */
async function wordsOf(answer: Answer): Promise<string> {
  try {
    const body = parseJson(await readBody(answer, 1 << 16), answer.url.href) as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    return (body.errors ?? []).map(({ code, message }) => `${code} ${message}`.slice(0, 200)).join('; ')
  } catch {
    return ''
  }
}

class RegistryRepository implements Repository {
  readonly name: string
  readonly where: string
  readonly #line: Line
  readonly #path: string

  constructor({ origin, prefix }: Registry, name: string) {
    const full = prefix === '' ? name : `${prefix}/${name}`
    this.name = name
    this.where = `${origin}/${full}`
    this.#line = new Line(origin)
    this.#path = `/v2/${full}`
  }

  async holds({ digest, size }: Descriptor): Promise<boolean> {
    const answer = await this.#line.call(`${this.#path}/blobs/${digest}`, { method: 'HEAD' }, [404])
    discard(answer)
    return answer.status === 200 && Number(answer.headers['content-length'] ?? size) === size
  }

  async write({ descriptor, chunks }: Blob): Promise<void> {
    const begun = await this.#line.call(`${this.#path}/blobs/uploads/`, { method: 'POST' })
    discard(begun)
    const location = begun.headers.location
    if (begun.status !== 202 || location === undefined)
      throw new UserError('bad-data', `the registry opens no upload (${begun.status})`, { where: this.where })
    const url = safeUrl(location, begun.url)
    url.searchParams.set('digest', descriptor.digest)
    const ended = await this.#line.call(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: { size: descriptor.size, chunks: () => checked(chunks(), descriptor, 'the content') },
    })
    discard(ended)
    const stored = ended.headers['docker-content-digest']
    if (stored !== undefined && stored !== descriptor.digest) throw tampered(descriptor.digest, this.where)
  }

  async *read(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    yield* checked(this.#pieces(descriptor), descriptor, this.where)
  }

  /** A blob, however often the line breaks: each answer begins where the last one ended, while anything comes at all. */
  async *#pieces({ digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
    for (let seen = 0; ; ) {
      const begun = seen
      const answer = await this.#blob(digest, begun)
      // Whoever knows no ranges begins anew.
      let repeated = answer.status === 206 ? 0 : begun
      try {
        for await (const piece of bodyChunks(answer)) {
          const fresh = piece.subarray(repeated)
          repeated -= piece.byteLength - fresh.byteLength
          seen += fresh.byteLength
          if (fresh.byteLength > 0) yield fresh
        }
        return
      } catch (error) {
        if (seen === begun) throw error
        if (seen >= size) return
      }
    }
  }

  async #blob(digest: string, from: number): Promise<Answer> {
    const headers = from > 0 ? { range: `bytes=${from}-` } : {}
    const answer = await this.#line.call(`${this.#path}/blobs/${digest}`, { method: 'GET', headers }, [404])
    if (answer.status !== 404) return answer
    discard(answer)
    throw new UserError('bad-data', `the blob ${digest} is missing`, {
      where: this.where,
      hint: 'push the version again',
    })
  }

  async manifest(reference: string): Promise<StoredManifest | undefined> {
    const answer = await this.#manifest(reference, 'GET')
    if (!answer) return undefined
    const bytes = await readBody(answer, MOST_MANIFEST_BYTES)
    const digest = digestOf(bytes)
    const promised = isDigest(reference) ? reference : String(answer.headers['docker-content-digest'] ?? digest)
    if (promised !== digest) throw tampered(promised, this.where)
    return { digest, bytes }
  }

  async #manifest(reference: string, method: 'GET' | 'HEAD'): Promise<Answer | undefined> {
    const answer = await this.#line.call(
      `${this.#path}/manifests/${reference}`,
      { method, headers: { accept: ACCEPT } },
      [404],
    )
    if (answer.status !== 404) return answer
    discard(answer)
    return undefined
  }

  async publish(manifest: Blob, _: PublishOptions): Promise<void> {
    const answer = await this.#put(manifest.descriptor.digest, manifest)
    const subject = (parseJson(await bytesOf(manifest), this.where) as { subject?: unknown }).subject
    // A registry that keeps track of subjects says so; for others the client keeps the list, under a tag.
    if (subject !== undefined && answer.headers['oci-subject'] === undefined)
      await this.#listReferrer(parseDescriptor(subject, this.where).digest, manifest.descriptor)
  }

  async #put(reference: string, manifest: Blob): Promise<Answer> {
    const answer = await this.#line.call(
      `${this.#path}/manifests/${reference}`,
      {
        method: 'PUT',
        headers: { 'content-type': manifest.descriptor.mediaType },
        body: { size: manifest.descriptor.size, chunks: manifest.chunks },
      },
      [400, 404],
    )
    if (answer.status >= 400) {
      const said = await wordsOf(answer)
      if (said.includes('BLOB_UNKNOWN')) throw new Missing([manifest.descriptor.digest])
      throw new UserError(
        'bad-data',
        `the registry does not take the manifest (${answer.status})${said ? `: ${said}` : ''}`,
        {
          where: this.where,
          hint: 'it may not know OCI artefacts: it must be of the distribution specification 1.0 or newer',
        },
      )
    }
    discard(answer)
    return answer
  }

  async #listReferrer(subject: string, { mediaType, digest, size, artifactType }: Descriptor): Promise<void> {
    const known = await this.#taggedReferrers(subject)
    if (known.some((item) => item.digest === digest)) return
    const manifests = [...known, { mediaType, digest, size, ...(artifactType ? { artifactType } : {}) }]
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests })
    await this.#put(`sha256-${hexOf(subject)}`, bytesBlob(index, MEDIA.index))
  }

  async setTag(tag: string, digest: string | null, expect?: string | null): Promise<void> {
    if (expect !== undefined) {
      const now = (await this.manifest(tag))?.digest ?? null
      if (now !== expect) throw moved(tag, now, this.where)
    }
    if (digest === null) {
      const answer = await this.#line.call(`${this.#path}/manifests/${tag}`, { method: 'DELETE' }, [400, 404, 405])
      discard(answer)
      if (answer.status >= 400)
        throw new UserError('unsupported', `the registry does not take the tag ${tag} away (${answer.status})`, {
          where: this.where,
          hint: 'many registries only delete whole versions: ask whoever runs it',
        })
      return
    }
    const stored = await this.manifest(digest)
    if (!stored) throw noVersion(this.where, digest)
    const { mediaType = MEDIA.manifest } = parseJson(stored.bytes, this.where) as { mediaType?: string }
    await this.#put(tag, bytesBlob(stored.bytes, mediaType))
  }

  async entries(): Promise<readonly Entry[]> {
    const found = new Map<string, string[]>()
    for await (const page of pages(this.#line, `${this.#path}/tags/list?n=1000`)) {
      if (page === undefined) return []
      for (const tag of listOf(page, 'tags').filter(isOwnTag)) {
        const answer = await this.#manifest(tag, 'HEAD')
        if (!answer) continue
        discard(answer)
        const stated = answer.headers['docker-content-digest']
        const digest = isDigest(stated) ? stated : (await this.manifest(tag))?.digest
        if (digest !== undefined) found.set(digest, [...(found.get(digest) ?? []), tag])
      }
    }
    return [...found].map(([digest, tags]) => ({ digest, tags, pushed: null }))
  }

  async referrers(digest: string): Promise<readonly Descriptor[]> {
    const answer = await this.#line.call(`${this.#path}/referrers/${digest}`, { method: 'GET' }, [400, 404, 405])
    if (answer.status === 200) return referencesIn(await readBody(answer, MOST_MANIFEST_BYTES), this.where).manifests
    discard(answer)
    return this.#taggedReferrers(digest)
  }

  async #taggedReferrers(digest: string): Promise<readonly Descriptor[]> {
    const stored = await this.manifest(`sha256-${hexOf(digest)}`)
    return stored ? referencesIn(stored.bytes, this.where).manifests : []
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of blob.chunks()) pieces.push(piece.slice())
  return Buffer.concat(pieces)
}

/** The pages of a list, by the `Link` header; undefined once where the list does not exist. */
async function* pages(line: Line, first: string): AsyncGenerator<unknown> {
  let url = new URL(first, line.origin)
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await line.call(url, { method: 'GET' }, [404, 405])
    if (answer.status >= 400) {
      discard(answer)
      yield undefined
      return
    }
    yield parseJson(await readBody(answer, MOST_LIST_BYTES), url.href)
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1]
    if (next === undefined) return
    url = safeUrl(next, url)
  }
}

function listOf(page: unknown, field: string): readonly string[] {
  const list = (page as Record<string, unknown> | null)?.[field]
  return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : []
}
