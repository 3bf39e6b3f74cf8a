import { readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import type { HistoryReport, VersionReport } from '../report/index.ts'
import { dataUsed, overallVerdict, summarize } from './evidence.ts'
import type { Finding } from './scan.ts'
import { scanModel } from './scan.ts'
import type { Store } from './store.ts'
import { isForeignTo, type Signature, type Version } from './version.ts'

/** The report of one version. `findings` are those of its push; otherwise null. */
export function describeVersion(
  store: Store,
  version: Version,
  action: VersionReport['action'],
  more: { readonly findings?: readonly Finding[]; readonly wroteTo?: string } = {},
): VersionReport {
  const reports = version.files.filter(({ role }) => role === 'report')
  return {
    kind: 'version',
    version: 1,
    action,
    store: store.location,
    name: version.name,
    digest: version.digest,
    tags: version.tags,
    pushed: version.pushed,
    model: { digest: version.modelDigest, bytes: version.modelBytes },
    ...overallVerdict(version.reports),
    files: version.files.map(({ path, role, descriptor }) => ({
      path,
      role,
      digest: descriptor.digest,
      bytes: descriptor.size,
    })),
    evidence: version.reports.map((report, i) => {
      const { kind, verdict, grade, sentence } = summarize(report)
      return { path: reports[i]!.path, kind, verdict, grade, sentence }
    }),
    data: dataUsed(version.reports),
    lineage: version.lineage,
    signatures: version.signatures.map((signature) => ({
      what: signature.what,
      key: keyOf(signature),
      covers: signature.covers,
    })),
    findings: more.findings ?? null,
    card: version.card,
    ...(more.wroteTo === undefined ? {} : { wroteTo: more.wroteTo }),
  }
}

const keyOf = ({ bundle }: Signature) => bundle.verificationMaterial.publicKey?.hint ?? ''

/** What reading the graph of a stored model finds; its bytes are checked first. */
export async function scanVersion(version: Version): Promise<readonly Finding[]> {
  return scanModel(await readModel(await version.modelPath()))
}

/** The versions of a name, newest first, with what they descend from; of every name where none is given. */
export async function describeHistory(store: Store, name: string | null): Promise<HistoryReport> {
  const versions: HistoryReport['versions'][number][] = []
  for (const one of name === null ? await store.names() : [name]) {
    const entries = await store.list(one)
    if (name !== null && entries.length === 0)
      throw new UserError('missing-file', `there is no model ${name}`, {
        where: store.location,
        hint: 'whet log lists the names',
      })
    const newest = entries.toReversed().sort((a, b) => (b.pushed ?? '').localeCompare(a.pushed ?? ''))
    for (const { digest, tags, pushed } of newest) {
      const bare = { name: one, digest, tags, pushed, sentence: null, parent: null, explained: null, signed: [] }
      try {
        const version = await store.resolve(`${one}@${digest}`)
        versions.push({
          ...bare,
          modelBytes: version.modelBytes,
          ...overallVerdict(version.reports),
          sentence: version.reports.map((report) => summarize(report).sentence).find((text) => text !== null) ?? null,
          parent: version.lineage?.parent ?? null,
          explained: version.lineage?.explained ?? null,
          signed: [...new Set(version.signatures.map(({ what }) => what))],
        })
      } catch (error) {
        if (!(error instanceof UserError) || !['bad-data', 'unsupported', 'missing-file'].includes(error.code))
          throw error
        versions.push({ ...bare, modelBytes: 0, verdict: null, grade: null, problem: error.message })
      }
    }
  }
  return { kind: 'history', version: 1, store: store.location, name, versions }
}

/** The version of a name that holds this model; undefined where there is none. */
export async function findModel(store: Store, name: string, modelDigest: string): Promise<Version | undefined> {
  for (const { digest } of (await store.list(name)).toReversed()) {
    if (await isForeignTo(store.repository(name), digest)) continue
    const version = await store.resolve(`${name}@${digest}`)
    if (version.modelDigest === modelDigest) return version
  }
  return undefined
}
