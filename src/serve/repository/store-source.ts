import { DEFAULT_TAG, type Entry, openStore, parseReference, type Store, type Version } from '../../store/index.ts'
import type { VersionFile } from '../model/served-version.ts'
import type { ModelSource } from './source.ts'

/** Digits of a digest that stand for a version without a tag. */
const SHORT = 12

/**
 * The versions of a store. A version is called by its first tag that is not `latest`, else by the first digits of its
 * digest; both, and the whole digest, find it. What `latest` points at is served, else what was pushed last.
 *
 * @param only one name (with a tag or digest, if one version is wanted), or null for all of the store.
 */
export function storeSource(location: string | undefined, only: string | null): ModelSource {
  const store = openStore(location)
  const wanted = only === null ? null : parseReference(only)
  const entriesOf = async (name: string) => {
    const entries = await store.list(name)
    // The one that is served stands last.
    const served = wanted?.tag ?? wanted?.digest ?? DEFAULT_TAG
    const live = entries.find((entry) => entry.tags.includes(served) || entry.digest === served)
    return live ? [...entries.filter((entry) => entry !== live), live] : entries
  }
  return {
    description: store.location,
    async list() {
      const names = wanted ? [wanted.name] : await store.names()
      return Promise.all(names.map(async (name) => ({ name, versions: (await entriesOf(name)).map(versionName) })))
    },
    async find(name, version) {
      const names = wanted ? [wanted.name] : await store.names()
      if (!names.includes(name)) return null
      const entries = await entriesOf(name)
      const entry = version === null ? entries.at(-1) : entries.find((one) => answersTo(one, version))
      return entry ? fileOf(store, name, entry) : null
    },
  }
}

const versionName = ({ tags, digest }: Entry): string =>
  tags.find((tag) => tag !== DEFAULT_TAG) ?? digest.replace('sha256:', '').slice(0, SHORT)

const answersTo = (entry: Entry, version: string): boolean =>
  versionName(entry) === version ||
  entry.tags.includes(version) ||
  entry.digest === version ||
  (version.length >= SHORT && entry.digest.startsWith(`sha256:${version}`))

async function fileOf(store: Store, name: string, entry: Entry): Promise<VersionFile> {
  const version = await store.resolve(`${name}@${entry.digest}`)
  return {
    model: name,
    version: versionName(entry),
    path: await version.modelPath(),
    digest: version.modelDigest,
    batchInvariant: invarianceIn(version),
  }
}

/** What the version's own evidence says of its batches. */
function invarianceIn({ reports }: Version): boolean | null {
  const told = reports.flatMap((report) =>
    report.kind === 'quantization' && report.batchInvariant ? [report.batchInvariant.all] : [],
  )
  return told.at(-1) ?? null
}
