import type { RolloutSide } from '../../report/index.ts'
import type { LiveVersion } from '../../state/index.ts'
import type { ModelRegistry } from '../repository/registry.ts'
import type { ModelSource } from '../repository/source.ts'
import { ServeError } from '../serve-error.ts'

/** The versions of a server, as far as a rollout moves them. */
export interface Fleet {
  /** The server ends, and starts no version any more. */
  readonly stopping: boolean
  /** The version that answers; ServeError where none does. */
  live(name: string): string
  /** How the source calls what a tag or digest names, and every version that it has; ServeError `not-found`. */
  find(name: string, version: string): Promise<{ readonly version: string; readonly known: readonly string[] }>
  warm(name: string, version: string): Promise<unknown>
  /** Starts a version and lets it answer instead of the live one. */
  load(name: string, version: string): Promise<unknown>
  promote(name: string, version: string): Promise<unknown>
  retire(name: string, version: string): Promise<unknown>
  side(name: string, version: string): Promise<RolloutSide>
  /** Share of the answers that changed when the two were last compared; null where they never were. */
  changed(name: string, base: string, candidate: string): Promise<number | null>
}

/** What is known of a version beyond its file. */
interface Dossier {
  readonly signatures: readonly string[]
  /** Share of the answers that changed against the model of this digest; null where they were not compared. */
  changed(baseDigest: string): number | null
}

/** Looks up what is known of a version; null where nothing is. */
export type FindDossier = (name: string, version: string) => Promise<Dossier | null>

/** The versions of a server, as a rollout moves them. */
export function registryFleet(
  registry: () => ModelRegistry,
  source: ModelSource,
  dossier: FindDossier = async () => null,
): Fleet {
  const digestOf = (name: string, version: string): string => registry().version(name, version).ports.digest
  return {
    get stopping() {
      return registry().stopping
    },
    live: (name) => registry().version(name, '').version,
    async find(name, version) {
      const file = await source.find(name, version)
      const offer = (await source.list()).find((one) => one.name === name)
      if (!file || !offer)
        throw new ServeError('not-found', `there is no version ${version.slice(0, 128)} of '${name}' in the repository`)
      return { version: file.version, known: offer.versions }
    },
    warm: (name, version) => registry().warm(name, version),
    load: (name, version) => registry().load(name, version),
    promote: (name, version) => registry().promote(name, version),
    async retire(name, version) {
      // Unloading the model takes all its versions.
      if (registry().model(name).warm.has(version)) await registry().retire(name, version)
    },
    async side(name, version) {
      const found = await dossier(name, version)
      return { version, digest: digestOf(name, version), signatures: found?.signatures ?? [] }
    },
    async changed(name, base, candidate) {
      return (await dossier(name, candidate))?.changed(digestOf(name, base)) ?? null
    },
  }
}

/** A source whose newest version is what the last rollout left live, until a version appears that it did not know. */
export function pinnedSource(source: ModelSource, pins: ReadonlyMap<string, LiveVersion>): ModelSource {
  return {
    ...source,
    async find(name, version) {
      const pin = version === null ? pins.get(name) : undefined
      if (!pin) return source.find(name, version)
      const newest = (await source.list()).find((offer) => offer.name === name)?.versions.at(-1)
      if (newest === undefined) return null
      const pinned = async () => (await source.find(name, pin.version)) ?? source.find(name, null)
      if (pin.known.includes(newest)) return pinned()
      // One that was rolled back is no other for having another tag.
      const file = await source.find(name, null)
      return file?.digest !== undefined && pin.known.includes(file.digest) ? pinned() : file
    },
  }
}
