import { UserError } from '../platform/index.ts'
import type { Descriptor } from './oci.ts'

/** Bytes that can be read more than once, with their descriptor; a piece may be overwritten once the next is asked for. */
export interface Blob {
  readonly descriptor: Descriptor
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** A manifest as it is stored: its bytes, and the digest that they have. */
export interface StoredManifest {
  readonly digest: string
  readonly bytes: Uint8Array
}

/** One version of a name, newest last. */
export interface Entry {
  readonly digest: string
  readonly tags: readonly string[]
  /** ISO time; null where the place does not keep it (registries). */
  readonly pushed: string | null
}

export interface PublishOptions {
  /** Blobs that the manifest needs; where one is gone by now (see `Missing`), nothing is published. */
  readonly needs: readonly Descriptor[]
}

/** One name: blobs by digest, manifests, tags. Two adapters, a folder in OCI layout and a registry; one contract. */
export interface Repository {
  readonly name: string
  /** For messages: the folder or URL of this name. */
  readonly where: string
  /** Whether the blob is there, whole: its digest is checked where that costs no network. */
  holds(descriptor: Descriptor): Promise<boolean>
  write(blob: Blob): Promise<void>
  /**
   * The blob piece by piece. UserError `bad-data`, naming the blob: `NotHeld` where it is not there; at the end where the
   * bytes have another digest.
   */
  read(descriptor: Descriptor): AsyncIterable<Uint8Array>
  /** A manifest by tag or digest, its digest checked; undefined where there is none. */
  manifest(reference: string): Promise<StoredManifest | undefined>
  /** Makes a manifest visible, by its digest alone; a tag comes with `setTag`. */
  publish(manifest: Blob, options: PublishOptions): Promise<void>
  /**
   * Moves a tag to a version that is there; null takes the tag away. Atomic: readers see the old or the new. With
   * `expect`, only where the tag names that digest (null: nothing) now.
   */
  setTag(tag: string, digest: string | null, expect?: string | null): Promise<void>
  entries(): Promise<readonly Entry[]>
  /** Manifests whose subject is this one: signatures. */
  referrers(digest: string): Promise<readonly Descriptor[]>
  /** The file that holds a blob, where there is one. */
  blobPath?(digest: string): string
}

/** Blobs that a manifest needs are no longer there: they must be written again. */
export class Missing extends Error {
  constructor(digests: readonly string[]) {
    super(`internal: blobs are gone: ${digests.join(', ')}`)
  }
}

/** A collection without grace may take the same thing again; not for ever. */
const MOST_ATTEMPTS = 20

/**
 * Writes the blobs that are not there, then the manifest over them. A blob that a collection took away in the
 * meantime is written again.
 */
export async function writeAll(repository: Repository, blobs: readonly Blob[], manifest: Blob): Promise<void> {
  const needs = blobs.map(({ descriptor }) => descriptor)
  for (let attempt = 1; ; attempt++) {
    for (const blob of blobs) if (!(await repository.holds(blob.descriptor))) await repository.write(blob)
    try {
      return await repository.publish(manifest, { needs })
    } catch (error) {
      if (!(error instanceof Missing) || attempt === MOST_ATTEMPTS) throw error
    }
  }
}

/**
 * Does `write`, which writes a version and its signatures, then sets the tags: whoever resolves one finds the signatures
 * too. Before it has a tag a collection may take a version, one that was here before above all: it is written again then.
 */
export async function writeTagged(
  repository: Repository,
  digest: string,
  tags: readonly string[],
  write: () => Promise<void>,
  expect?: string | null,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await write()
    try {
      for (const tag of tags) await repository.setTag(tag, digest, expect)
      return
    } catch (error) {
      const gone = error instanceof UserError && error.code === 'missing-file'
      if (!gone || attempt === MOST_ATTEMPTS) throw error
    }
  }
}
