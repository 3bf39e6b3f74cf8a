import { cacheFolder, readCached, sha256, writeCached } from '../../platform/index.ts'
import { canonicalJson, type Report, WHETSTONE_VERSION } from '../../report/index.ts'

/**
 * Evidence is expensive and depends on nothing but its key, so it is kept: a second run reuses finished work, also
 * after an interruption. The key names everything that decides the result.
 */
export interface EvidenceCache {
  /**
   * Where larger states of unfinished work may be kept, as files named by 64 hexadecimal digits; nowhere by default.
   */
  readonly folder?: string
  /**
   * The report kept under `key`, or what `make` gives, kept from now on where `worthKeeping` says so: what is not is made
   * anew by the next run.
   */
  get<R extends Report>(key: EvidenceKey, make: () => Promise<R>, worthKeeping?: (made: R) => boolean): Promise<R>
  /** The report kept under `key`, if there is one. */
  find(key: EvidenceKey): Promise<Report | undefined>
}

type EvidenceKey = Readonly<Record<string, unknown>>

/** Evidence in the user's cache folder (see `whet cache`); a cache that cannot be written is no error. */
export function diskCache(folder: string = cacheFolder()): EvidenceCache {
  const nameOf = (key: EvidenceKey) =>
    sha256(canonicalJson({ ...key, whetstone: WHETSTONE_VERSION })).slice('sha256:'.length)
  const find = async (key: EvidenceKey) => {
    const kept = await readCached(folder, nameOf(key))
    return kept === undefined ? undefined : JSON.parse(kept)
  }
  return {
    folder,
    find,
    async get(key, make, worthKeeping = () => true) {
      const kept = await find(key)
      if (kept !== undefined) return kept
      const made = await make()
      if (worthKeeping(made)) await writeCached(folder, nameOf(key), canonicalJson(made))
      return made
    },
  }
}

/** What was asked of `cache` stays in memory too: within one search nothing is measured or read twice. */
export function inMemory(cache: EvidenceCache): EvidenceCache {
  const kept = new Map<string, Promise<Report>>()
  return {
    ...cache,
    find: (key) => kept.get(canonicalJson(key)) ?? cache.find(key),
    get<R extends Report>(key: EvidenceKey, make: () => Promise<R>, worthKeeping?: (made: R) => boolean): Promise<R> {
      const name = canonicalJson(key)
      const known = kept.get(name)
      if (known) return known as Promise<R>
      const made = cache.get(key, make, worthKeeping)
      kept.set(name, made)
      // What failed, or was interrupted, may be tried again.
      made.catch(() => kept.delete(name))
      return made
    },
  }
}

/** A cache that is written when this process has nothing better to do. */
export interface LateCache extends EvidenceCache {
  /** Writes what was made since; whoever made it calls this before all is done, and after a failure too. */
  write(): Promise<void>
}

/**
 * `cache`, written by `write` alone: encoding large evidence and waiting for the disk takes tens of milliseconds, in which
 * whoever measured goes on. What is not written yet is found here.
 */
export function writtenLater(cache: EvidenceCache): LateCache {
  const unwritten = new Map<string, { readonly key: EvidenceKey; readonly made: Report }>()
  const find: EvidenceCache['find'] = async (key) => unwritten.get(canonicalJson(key))?.made ?? cache.find(key)
  return {
    ...cache,
    find,
    async get<R extends Report>(
      key: EvidenceKey,
      make: () => Promise<R>,
      worthKeeping: (made: R) => boolean = () => true,
    ): Promise<R> {
      const kept = (await find(key)) as R | undefined
      if (kept !== undefined) return kept
      const made = await make()
      if (worthKeeping(made)) unwritten.set(canonicalJson(key), { key, made })
      return made
    },
    async write() {
      for (const [name, { key, made }] of unwritten) {
        await cache.get(key, async () => made)
        unwritten.delete(name)
      }
    },
  }
}

/** Keeps nothing: for library users who did not ask for files. */
export const noCache: EvidenceCache = { get: (_, make) => make(), find: async () => undefined }
