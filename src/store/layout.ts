import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { explainSystemError, FileSource, readChunks, sha256Stream, UserError, writeAtomic } from '../platform/index.ts'
import { changeIndex, isLayout, type LayoutIndex, makeBlobFolder, readIndex, tagOf } from './layout-index.ts'
import { type Descriptor, hexOf, isDigest, MEDIA, NOTE, NotHeld, parseManifest } from './oci.ts'
import {
  type Blob,
  type Entry,
  Missing,
  type PublishOptions,
  type Repository,
  type StoredManifest,
} from './repository.ts'

/** One name of a store on disk: a folder in the OCI image layout 1.0, as oras, skopeo and others read it. */
export function openLayout(folder: string, name: string): Repository {
  return new Layout(folder, name)
}

class Layout implements Repository {
  readonly name: string
  readonly where: string
  readonly #blobs: string

  constructor(folder: string, name: string) {
    this.name = name
    this.where = folder
    this.#blobs = join(folder, 'blobs', 'sha256')
  }

  blobPath(digest: string): string {
    if (!isDigest(digest)) throw new Error(`internal: ${digest} is not a digest`)
    return join(this.#blobs, hexOf(digest))
  }

  async holds({ digest, size }: Descriptor): Promise<boolean> {
    const path = this.blobPath(digest)
    if (sizeAt(path) !== size) return false
    return (await sha256Stream(readChunks(path))) === digest
  }

  async write(blob: Blob): Promise<void> {
    makeBlobFolder(this.where)
    await writeAtomic(this.blobPath(blob.descriptor.digest), checked(blob.chunks(), blob.descriptor, 'the content'))
  }

  async *read(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const path = this.blobPath(descriptor.digest)
    if (!existsSync(path)) throw new NotHeld(`the blob ${descriptor.digest}`, path)
    yield* checked(readChunks(path), descriptor, path)
  }

  async manifest(reference: string): Promise<StoredManifest | undefined> {
    const { manifests } = readIndex(this.where)
    const entry = manifests.find((item) => (isDigest(reference) ? item.digest : tagOf(item)) === reference)
    if (!entry) return undefined
    const path = this.blobPath(entry.digest)
    if (!existsSync(path)) throw new NotHeld(`the manifest ${entry.digest}`, path)
    const bytes = new Uint8Array(readFileSync(path))
    if (digestOf(bytes) !== entry.digest) throw tampered(entry.digest, path)
    return { digest: entry.digest, bytes }
  }

  async publish(manifest: Blob, { needs }: PublishOptions): Promise<void> {
    await this.write(manifest)
    await changeIndex(this.where, (index) => {
      const gone = [manifest.descriptor, ...needs].filter(({ digest, size }) => sizeAt(this.blobPath(digest)) !== size)
      if (gone.length > 0) throw new Missing(gone.map(({ digest }) => digest))
      return withTag(index, manifest.descriptor, undefined)
    })
  }

  async setTag(tag: string, digest: string | null, expect?: string | null): Promise<void> {
    if (!isLayout(this.where)) throw noVersion(this.where, digest ?? tag)
    await changeIndex(this.where, (index) => {
      checkExpected(index, tag, expect, this.where)
      if (digest === null) {
        if (!index.manifests.some((entry) => tagOf(entry) === tag)) throw noVersion(this.where, tag)
        return { manifests: untagged(index.manifests, tag) }
      }
      const entry = index.manifests.find((item) => item.digest === digest)
      if (!entry) throw noVersion(this.where, digest)
      return withTag(index, entry, tag)
    })
  }

  async entries(): Promise<readonly Entry[]> {
    const found = new Map<string, { tags: string[]; pushed: string | null }>()
    for (const entry of readIndex(this.where).manifests) {
      if (entry.artifactType === MEDIA.bundle) continue
      const known = found.get(entry.digest) ?? { tags: [], pushed: entry.annotations?.[NOTE.pushed] ?? null }
      const tag = tagOf(entry)
      if (tag !== undefined) known.tags.push(tag)
      found.set(entry.digest, known)
    }
    return [...found].map(([digest, rest]) => ({ digest, ...rest }))
  }

  async referrers(digest: string): Promise<readonly Descriptor[]> {
    const { manifests } = readIndex(this.where)
    const found: Descriptor[] = []
    for (const entry of manifests) {
      if (entry.artifactType !== MEDIA.bundle) continue
      const stored = await this.manifest(entry.digest)
      if (stored && parseManifest(stored.bytes, this.blobPath(entry.digest)).subject?.digest === digest)
        found.push(entry)
    }
    return found
  }
}

/** Bytes of a file; undefined where there is none. */
function sizeAt(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size
  } catch (error) {
    throw explainSystemError(error, path, 'read')
  }
}

/** The index with this version in it, and the tag, where one is given, on it alone. */
function withTag(index: LayoutIndex, manifest: Descriptor, tag: string | undefined): LayoutIndex {
  const known = index.manifests.find(({ digest }) => digest === manifest.digest)
  const pushed = known?.annotations?.[NOTE.pushed] ?? new Date().toISOString()
  const entry: Descriptor = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
    ...(manifest.artifactType ? { artifactType: manifest.artifactType } : {}),
    annotations: { [NOTE.pushed]: pushed, ...(tag === undefined ? {} : { [NOTE.tag]: tag }) },
  }
  if (tag === undefined) return known ? index : { manifests: [...index.manifests, entry] }
  const rest = untagged(index.manifests, tag)
  const bare = rest.findIndex((item) => item.digest === manifest.digest && tagOf(item) === undefined)
  return { manifests: bare < 0 ? [...rest, entry] : rest.toSpliced(bare, 1, entry) }
}

/** Takes a tag away. The version stays: an entry without a tag, unless another tag names it. */
function untagged(manifests: readonly Descriptor[], tag: string): readonly Descriptor[] {
  return manifests.flatMap((entry) => {
    if (tagOf(entry) !== tag) return [entry]
    if (manifests.some((other) => other !== entry && other.digest === entry.digest)) return []
    const { [NOTE.tag]: _, ...annotations } = entry.annotations ?? {}
    return [{ ...entry, annotations }]
  })
}

function checkExpected(index: LayoutIndex, tag: string, expect: string | null | undefined, where: string) {
  if (expect === undefined) return
  const now = index.manifests.find((entry) => tagOf(entry) === tag)?.digest ?? null
  if (now !== expect) throw moved(tag, now, where)
}

/** The error of a tag that was moved by somebody else between looking and writing. */
export function moved(tag: string, now: string | null, where: string): UserError {
  return new UserError('busy', `the tag ${tag} names ${now ?? 'nothing'} by now: somebody else has moved it`, {
    where,
    hint: 'look at it again with whet log, then repeat',
  })
}

export const noVersion = (where: string, reference: string): UserError =>
  new UserError('missing-file', `there is no version ${reference}`, {
    where,
    hint: 'whet log NAME lists what there is',
  })

export const tampered = (digest: string, where: string): UserError =>
  new UserError('bad-data', `the blob ${digest} was changed: its bytes have another digest`, {
    where,
    hint: 'do not use it; restore it from a copy, or push the version again',
  })

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** The chunks as they are; UserError `bad-data` at the end where they are not what the descriptor says. */
export async function* checked(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  where: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let seen = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    seen += chunk.byteLength
    if (seen > size) throw tampered(digest, where)
    yield chunk
  }
  if (seen !== size || `sha256:${hash.digest('hex')}` !== digest) throw tampered(digest, where)
}

/** A blob of bytes in memory. */
export function bytesBlob(bytes: Uint8Array | string, mediaType: string, more: Partial<Descriptor> = {}): Blob {
  const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
  return {
    descriptor: { mediaType, digest: digestOf(content), size: content.byteLength, ...more },
    chunks: () => [content],
  }
}

/** A blob of a file, which stays open so that its bytes are kept even when its name gets others. */
export async function fileBlob(path: string, mediaType: string, more: Partial<Descriptor>): Promise<Blob> {
  const file = new FileSource(path)
  const range = file.range(0, file.byteLength)
  const hash = createHash('sha256')
  for (const chunk of range.chunks()) hash.update(chunk)
  const digest = `sha256:${hash.digest('hex')}`
  return { descriptor: { mediaType, digest, size: file.byteLength, ...more }, chunks: () => range.chunks() }
}
