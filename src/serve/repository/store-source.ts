import { shellWord } from '../../platform/index.ts'
import {
  DEFAULT_TAG,
  type Entry,
  isForeignTo,
  openStore,
  parseReference,
  type Store,
  type Version,
} from '../../store/index.ts'
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
  /** By digest, under which nothing ever changes. */
  const foreign = new Map<string, boolean>()
  /** Of versions that were found, by name and version. */
  const digests = new Map<string, string>()
  const isModel = async (name: string, { digest }: Entry) => {
    const known = foreign.get(digest) ?? (await isForeignTo(store.repository(name), digest))
    foreign.set(digest, known)
    return !known
  }
  /** The versions of a name, the one that is served last; and what else lies there. */
  const lookAt = async (name: string) => {
    const entries = await store.list(name)
    const served = wanted?.tag ?? wanted?.digest ?? DEFAULT_TAG
    // Somebody has chosen it, whatever it is.
    const live = entries.filter((entry) => entry.tags.includes(served) || entry.digest === served).slice(0, 1)
    const models: Entry[] = []
    const others: Entry[] = []
    for (const entry of entries) if (!live.includes(entry)) ((await isModel(name, entry)) ? models : others).push(entry)
    return { versions: [...models, ...live], others }
  }
  const entriesOf = async (name: string) => (await lookAt(name)).versions
  const namesHere = async () => (wanted ? [wanted.name] : await store.names())
  return {
    description: store.location,
    async list() {
      const names = await namesHere()
      const offers = await Promise.all(
        names.map(async (name) => ({ name, versions: (await entriesOf(name)).map(versionName) })),
      )
      return offers.filter(({ versions }) => versions.length > 0)
    },
    async passedOver() {
      const names = await namesHere()
      const others = await Promise.all(
        names.map(async (name) => (await lookAt(name)).others.map((entry) => `${name}:${versionName(entry)}`)),
      )
      return others.flat().map((file) => ({ file, hint: 'it is no model: another tool has put it there' }))
    },
    async find(name, version) {
      const names = await namesHere()
      if (!names.includes(name)) return null
      const entries = await entriesOf(name)
      const entry = version === null ? entries.at(-1) : entries.find((one) => answersTo(one, version))
      if (!entry) return null
      digests.set(`${name}:${versionName(entry)}`, entry.digest)
      return fileOf(store, name, entry)
    },
    comparison(name, ...versions) {
      const folders = ['base', 'candidate']
      const pulls = versions.map((version, i) => {
        const digest = digests.get(`${name}:${version}`)
        // Tags move, and a version without one has no other name.
        const reference = digest === undefined ? `${name}:${version}` : `${name}@${digest}`
        return `whet pull ${reference} --store ${shellWord(store.location)} -o ${folders[i]}`
      })
      return [...pulls, 'whet compare base/model.onnx candidate/model.onnx --data YOUR_ROWS'].join(' && ')
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
    check: () => version.modelPath(),
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
