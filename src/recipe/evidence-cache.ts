import { cacheFolder, readCached, sha256, writeCached } from '../platform/index.ts'
import { canonicalJson, type Report, WHETSTONE_VERSION } from '../report/index.ts'

/**
 * Evidence is expensive and depends on nothing but its key, so it is kept: a second run reuses finished work, also
 * after an interruption. The key names everything that decides the result.
 */
export interface EvidenceCache {
  /** Where larger states of unfinished work may be kept, as files named by 64 hexadecimal digits; nowhere unless said. */
  readonly folder?: string
  /** The report kept under `key`, or what `make` gives, kept from now on. */
  get<R extends Report>(key: Readonly<Record<string, unknown>>, make: () => Promise<R>): Promise<R>
}

/** Evidence in the user's cache folder (see `whet cache`); a cache that cannot be written is no error. */
export function diskCache(folder: string = cacheFolder()): EvidenceCache {
  return {
    folder,
    async get(key, make) {
      const name = sha256(canonicalJson({ ...key, whetstone: WHETSTONE_VERSION })).slice('sha256:'.length)
      const kept = await readCached(folder, name)
      if (kept !== undefined) return JSON.parse(kept)
      const made = await make()
      await writeCached(folder, name, canonicalJson(made))
      return made
    },
  }
}

/** What was asked of `cache` stays in memory too: within one search nothing is measured or read twice. */
export function inMemory(cache: EvidenceCache): EvidenceCache {
  const kept = new Map<string, Promise<Report>>()
  return {
    ...(cache.folder === undefined ? {} : { folder: cache.folder }),
    get<R extends Report>(key: Readonly<Record<string, unknown>>, make: () => Promise<R>): Promise<R> {
      const name = canonicalJson(key)
      const known = kept.get(name)
      if (known) return known as Promise<R>
      const made = cache.get(key, make)
      kept.set(name, made)
      // What failed, or was interrupted, may be tried again.
      made.catch(() => kept.delete(name))
      return made
    },
  }
}

/** Keeps nothing: for library users who did not ask for files. */
export const noCache: EvidenceCache = { get: (_, make) => make() }
