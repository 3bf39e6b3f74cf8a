import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { explainSystemError, writerLives } from '../platform/index.ts'
import type { CollectionReport } from '../report/index.ts'
import { openLayout } from './layout.ts'
import { readIndex, tagOf, whileOthersWait, writeIndex } from './layout-index.ts'
import { parseLineage } from './lineage.ts'
import { type Descriptor, isForeign, MEDIA, NOTE, parseManifest, referencesIn } from './oci.ts'
import type { Repository } from './repository.ts'
import { readAll } from './version.ts'

export interface CollectOptions {
  /** Nothing younger is touched: a push may be under way. Default one hour, in ms. */
  readonly graceMs?: number | undefined
  /** Versions without a tag go too, except those that others descend from. */
  readonly untagged?: boolean | undefined
  /** Tells what would go, and leaves it. */
  readonly dryRun?: boolean | undefined
}

const HOUR_MS = 3_600_000

type Removed = CollectionReport['removed'][number]

/**
 * Removes blobs that no manifest refers to and what killed runs left half-written, name by name. Each name is locked
 * while it is looked at and cleaned, so that no push can publish a manifest whose blobs go at that moment.
 */
export async function collect(
  folder: string,
  names: readonly string[],
  { graceMs = HOUR_MS, untagged = false, dryRun = false }: CollectOptions = {},
): Promise<CollectionReport> {
  const before = Date.now() - graceMs
  const removed: Removed[] = []
  const kept = { blobs: 0, bytes: 0, versions: 0 }
  const ancestors = untagged ? await ancestorsOf(folder, names) : new Set<string>()
  for (const name of names) {
    const place = join(folder, ...name.split('/'))
    await whileOthersWait(place, async () => {
      const repository = openLayout(place, name)
      const { manifests } = readIndex(place)
      const goes = untagged ? await unneeded(repository, manifests, ancestors, before) : new Set<string>()
      if (goes.size > 0 && !dryRun)
        await writeIndex(place, { manifests: manifests.filter(({ digest }) => !goes.has(digest)) })
      for (const digest of goes) removed.push({ name, what: 'version', digest, bytes: 0 })
      const living = await reachable(
        repository,
        manifests.filter(({ digest }) => !goes.has(digest)),
      )
      kept.versions += new Set(
        manifests
          .filter((item) => !goes.has(item.digest) && item.artifactType !== MEDIA.bundle)
          .map(({ digest }) => digest),
      ).size
      for (const { path, digest, bytes, modifiedMs } of storedFiles(place)) {
        if (modifiedMs >= before || (digest === null ? writerLives(path) : living.has(digest))) {
          kept.blobs += digest === null ? 0 : 1
          kept.bytes += digest === null ? 0 : bytes
          continue
        }
        if (!dryRun) remove(path)
        removed.push({ name, what: digest === null ? 'unfinished' : 'blob', digest, bytes })
      }
    })
  }
  const freedBytes = removed.reduce((sum, { bytes }) => sum + bytes, 0)
  return { kind: 'collection', version: 1, store: folder, dryRun, graceMs, removed, freedBytes, kept }
}

/** A file that holds part of a name, or what a killed run left half-written of one (`digest` is null). */
interface StoredFile {
  readonly path: string
  readonly digest: string | null
  readonly bytes: number
  readonly modifiedMs: number
}

/** Whatever else lies there is not ours to remove. */
function* storedFiles(place: string): Generator<StoredFile> {
  const blobs = join(place, 'blobs', 'sha256')
  for (const folder of [blobs, place])
    for (const file of listFiles(folder)) {
      const path = join(folder, file)
      const digest = folder === blobs && /^[0-9a-f]{64}$/.test(file) ? `sha256:${file}` : null
      if (digest === null && !/^\..+\.tmp$/.test(file)) continue
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat) yield { path, digest, bytes: stat.size, modifiedMs: stat.mtimeMs }
    }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch (error) {
    throw explainSystemError(error, path, 'write')
  }
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

/**
 * Every digest that the manifests of the index reach. A manifest that cannot be read stops the collection (UserError
 * `bad-data`): what it needs is not known, so nothing of this name may go.
 */
async function reachable(repository: Repository, manifests: readonly Descriptor[]): Promise<ReadonlySet<string>> {
  const living = new Set<string>()
  const pending = [...manifests]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (living.has(next.digest)) continue
    living.add(next.digest)
    const found = referencesIn(await readAll(repository, next), `${repository.where}@${next.digest}`)
    for (const { digest } of found.blobs) living.add(digest)
    // An image of many systems may have been copied for one of them.
    pending.push(...found.manifests.filter(({ digest }) => existsSync(repository.blobPath!(digest))))
  }
  return living
}

/** Versions without a tag that are old enough and that nothing descends from, with their signatures. */
async function unneeded(
  repository: Repository,
  manifests: readonly Descriptor[],
  ancestors: ReadonlySet<string>,
  before: number,
): Promise<ReadonlySet<string>> {
  const old = (item: Descriptor) => Date.parse(item.annotations?.[NOTE.pushed] ?? '') < before
  const versions = manifests.filter(({ artifactType }) => artifactType !== MEDIA.bundle)
  const goes = new Set(
    versions
      .filter((item) => tagOf(item) === undefined && old(item) && !ancestors.has(item.digest))
      .map(({ digest }) => digest),
  )
  for (const { digest } of manifests.filter(({ artifactType }) => artifactType === MEDIA.bundle)) {
    const stored = await repository.manifest(digest)
    const subject = parseManifest(stored!.bytes, `${repository.where}@${digest}`).subject?.digest
    if (subject !== undefined && goes.has(subject)) goes.add(digest)
  }
  return goes
}

/** Versions of any name that a tagged version descends from, at any distance. Each name is looked at while nobody changes it. */
async function ancestorsOf(folder: string, names: readonly string[]): Promise<ReadonlySet<string>> {
  const parents = new Map<string, string>()
  const pending: string[] = []
  const lookAt = async (repository: Repository, { digest }: Descriptor) => {
    const { bytes } = (await repository.manifest(digest))!
    if (isForeign(bytes, digest)) return
    const layer = parseManifest(bytes, digest).layers.find(({ mediaType }) => mediaType === MEDIA.lineage)
    const parent = layer && parseLineage(await readAll(repository, layer), digest).parent?.version
    if (parent) parents.set(digest, parent)
  }
  for (const name of names) {
    const repository = openLayout(join(folder, ...name.split('/')), name)
    await whileOthersWait(repository.where, async () => {
      for (const entry of readIndex(repository.where).manifests) {
        if (entry.artifactType === MEDIA.bundle) continue
        if (tagOf(entry) !== undefined) pending.push(entry.digest)
        await lookAt(repository, entry)
      }
    })
  }
  const found = new Set<string>()
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    const parent = parents.get(digest)
    if (parent === undefined || found.has(parent)) continue
    found.add(parent)
    pending.push(parent)
  }
  return found
}
