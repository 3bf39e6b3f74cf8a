import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../platform/index.ts'
import { type Answer, bodyChunks, discard, safeUrl } from './http.ts'
import { bytesBlob, checked, digestOf, moved, noVersion, tampered } from './layout.ts'
import type { Location } from './location.ts'
import {
  type Descriptor,
  hexOf,
  isDigest,
  MEDIA,
  MOST_MANIFEST_BYTES,
  NotHeld,
  parseDescriptor,
  parseJson,
  referencesIn,
} from './oci.ts'
import { isOwnTag } from './reference.ts'
import { isWhole, Line, wordsOf } from './registry-line.ts'
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
/** Answers one after another that break before they bring anything of a blob, and the wait after each. */
const MOST_FRUITLESS = 3
const FRUITLESS_MS = 400
/** Times that a list of signatures is written, and how long that takes at least. */
const MOST_LISTINGS = 8
const LISTING_MS = 50

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
    return isWhole(answer, size)
  }

  async write(blob: Blob): Promise<void> {
    const ended = await this.#line.upload(`${this.#path}/blobs`, blob)
    discard(ended)
    const { digest } = blob.descriptor
    const stored = ended.headers['docker-content-digest']
    if (stored !== undefined && stored !== digest) throw tampered(digest, this.where)
  }

  async *read(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    yield* checked(this.#pieces(descriptor), descriptor, this.where)
  }

  /** A blob, however often the line breaks: each answer begins where the last one ended, while anything comes at all. */
  async *#pieces({ digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
    let seen = 0
    for (let fruitless = 0; ; ) {
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
        if (seen >= size) return
        fruitless = seen === begun ? fruitless + 1 : 0
        if (fruitless > MOST_FRUITLESS) throw error
        if (fruitless > 0) await sleep(FRUITLESS_MS)
      }
    }
  }

  async #blob(digest: string, from: number): Promise<Answer> {
    const headers = from > 0 ? { range: `bytes=${from}-` } : {}
    const answer = await this.#line.call(`${this.#path}/blobs/${digest}`, { method: 'GET', headers }, [404])
    if (answer.status !== 404) return answer
    discard(answer)
    throw new NotHeld(`the blob ${digest}`, this.where, 'push the version again')
  }

  async manifest(reference: string): Promise<StoredManifest | undefined> {
    const { answer, bytes } = await this.#line.document(`${this.#path}/manifests/${reference}`, MOST_MANIFEST_BYTES, {
      headers: { accept: ACCEPT },
      also: [404],
    })
    if (answer.status === 404) return undefined
    const digest = digestOf(bytes)
    const promised = isDigest(reference) ? reference : String(answer.headers['docker-content-digest'] ?? digest)
    if (promised !== digest) throw tampered(promised, this.where)
    return { digest, bytes }
  }

  /** The digest that a tag names now, by the head of its manifest where the registry tells it there. */
  async #digestOf(tag: string): Promise<string | undefined> {
    const call = { method: 'HEAD', headers: { accept: ACCEPT } } as const
    const answer = await this.#line.call(`${this.#path}/manifests/${tag}`, call, [404])
    discard(answer)
    if (answer.status === 404) return undefined
    const stated = answer.headers['docker-content-digest']
    return isDigest(stated) ? stated : (await this.manifest(tag))?.digest
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

  /**
   * Adds to the list under the tag, and looks again when whoever had read it before that has written it too: a registry
   * lets the later writer win, and has no way to write only what nobody else has changed.
   */
  async #listReferrer(subject: string, { mediaType, digest, size, artifactType }: Descriptor): Promise<void> {
    for (let round = 1; ; round++) {
      const begun = performance.now()
      const known = await this.#taggedReferrers(subject)
      if (known.some((item) => item.digest === digest)) return
      if (round > MOST_LISTINGS)
        throw new UserError('busy', 'others attach to this version all the time, and the list of it loses ours', {
          where: this.where,
          hint: 'run it again',
        })
      const manifests = [...known, { mediaType, digest, size, ...(artifactType ? { artifactType } : {}) }]
      const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests })
      await this.#put(`sha256-${hexOf(subject)}`, bytesBlob(index, MEDIA.index))
      // Twice as long as it took here, and not in step with the other one.
      await sleep((2 + Math.random()) * Math.max(LISTING_MS, performance.now() - begun))
    }
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
        const digest = await this.#digestOf(tag)
        if (digest !== undefined) found.set(digest, [...(found.get(digest) ?? []), tag])
      }
    }
    return [...found].map(([digest, tags]) => ({ digest, tags, pushed: null }))
  }

  async referrers(digest: string): Promise<readonly Descriptor[]> {
    const path = `${this.#path}/referrers/${digest}`
    const { answer, bytes } = await this.#line.document(path, MOST_MANIFEST_BYTES, { also: [400, 404, 405] })
    if (answer.status === 200) return referencesIn(bytes, this.where).manifests
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
    const { answer, bytes } = await line.document(url, MOST_LIST_BYTES, { also: [404, 405] })
    if (answer.status >= 400) {
      yield undefined
      return
    }
    yield parseJson(bytes, url.href)
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1]
    if (next === undefined) return
    url = safeUrl(next, url)
  }
}

function listOf(page: unknown, field: string): readonly string[] {
  const list = (page as Record<string, unknown> | null)?.[field]
  return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : []
}
