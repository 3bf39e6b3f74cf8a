import { readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import type { VerificationReport } from '../report/index.ts'
import { explain, type Lineage } from './lineage.ts'
import { type Descriptor, hexOf, NOTE, NotHeld, parseManifest } from './oci.ts'
import { parseReference } from './reference.ts'
import type { Entry, Repository } from './repository.ts'
import { type Finding, scanModel } from './scan.ts'
import { isSignedBy, type PublicKey, rootDigest } from './sign.ts'
import { coveredBy, EVALUATION_PREDICATE, inOrder, MODEL_PREDICATE } from './statements.ts'
import type { Store, VerifyOptions } from './store.ts'
import { isForeignTo, type Signature, type Version } from './version.ts'

type VersionCheck = VerificationReport['versions'][number]
type BlobCheck = VersionCheck['blobs'][number]
type SignatureCheck = VersionCheck['signatures'][number]

/**
 * Checks one version, all versions of a name, or all of the store. What is wrong is in the report, never thrown. What
 * other tools keep under a name is no version: it is listed, and nothing is said of it.
 *
 * @throws UserError `missing-file` where there is nothing to check: nothing that was looked at is sound; `unsupported`
 * where what is asked for by tag or digest is no version.
 */
export async function verifyStore(
  store: Store,
  reference: string | null,
  options: VerifyOptions = {},
): Promise<VerificationReport> {
  const versions: VersionCheck[] = []
  const others: NonNullable<VerificationReport['others']>[number][] = []
  const problems: string[] = []
  for (const { name, entries } of await whatToCheck(store, reference, problems))
    for (const { digest, tags } of entries) {
      if (await isForeignTo(store.repository(name), digest)) {
        others.push({ name, digest, tags })
        continue
      }
      options.onProgress?.(`checking ${name}@${digest.slice(0, 19)}`)
      versions.push(await verifyVersion(store, name, digest, options))
    }
  if (versions.length === 0 && problems.length === 0) throw nothingToVerify(store, others.length)
  const sound = problems.length === 0 && versions.every((item) => item.sound)
  return {
    kind: 'verification',
    version: 1,
    store: store.location,
    sound,
    versions,
    ...(others.length > 0 ? { others } : {}),
    problems,
  }
}

async function whatToCheck(store: Store, reference: string | null, problems: string[]) {
  if (reference !== null) {
    const { name, tag, digest } = parseReference(reference)
    const entries = await store.list(name)
    if (digest === undefined && tag === undefined && entries.length > 0) return [{ name, entries }]
    const stored = digest ?? entries.find(({ tags }) => tags.includes(tag ?? ''))?.digest
    // Asking for it gives the message for what is missing or is not a version.
    const asked = stored === undefined || (await isForeignTo(store.repository(name), stored))
    return [{ name, entries: [{ digest: asked ? (await store.resolve(reference)).digest : stored, tags: [] }] }]
  }
  const found: { name: string; entries: readonly Pick<Entry, 'digest' | 'tags'>[] }[] = []
  for (const name of await store.names()) {
    try {
      found.push({ name, entries: await store.list(name) })
    } catch (error) {
      problems.push(`${name}: ${textOf(error)}`)
    }
  }
  return found
}

const nothingToVerify = (store: Store, others: number) =>
  new UserError(
    'missing-file',
    `there is no version to verify${others > 0 ? ', only what other tools keep there' : ''}`,
    {
      where: store.location,
      hint: 'name the store with --store; `whet push MODEL NAME` puts a version into it',
    },
  )

async function verifyVersion(
  store: Store,
  name: string,
  digest: string,
  options: VerifyOptions,
): Promise<VersionCheck> {
  const repository = store.repository(name)
  const problems: string[] = []
  const blobs = await checkBlobs(repository, digest, problems)
  const empty: VersionCheck = {
    name,
    digest,
    tags: [],
    sound: false,
    blobs,
    signatures: [],
    lineage: null,
    findings: [],
    problems,
  }
  let version: Version
  try {
    version = await store.resolve(`${name}@${digest}`)
  } catch (error) {
    if (problems.length === 0) problems.push(textOf(error))
    return empty
  }
  const signatures = version.signatures.map((signature) => checkSignature(signature, version, options.keys ?? []))
  problems.push(...signatureProblems(version, signatures, options.keys ?? []))
  // Nothing of a version whose bytes were changed is parsed.
  const intact = blobs.every(({ state }) => state === 'intact')
  const { findings, lineage } = intact
    ? await checkModel(store, version, options, problems)
    : { findings: [], lineage: version.lineage }
  return { ...empty, tags: version.tags, signatures, lineage, findings, sound: problems.length === 0 }
}

/** Reads every blob to its end; a changed or missing one is named with what it is. */
async function checkBlobs(repository: Repository, digest: string, problems: string[]): Promise<readonly BlobCheck[]> {
  const checks: BlobCheck[] = []
  const check = async (path: string, descriptor: Descriptor) => {
    const state = await stateOf(repository, descriptor)
    checks.push({ path, digest: descriptor.digest, bytes: descriptor.size, state })
    if (state !== 'intact') problems.push(`${path}: the blob ${descriptor.digest} is ${state}`)
  }
  try {
    const stored = await repository.manifest(digest)
    if (!stored) throw new NotHeld(`the manifest ${digest}`, repository.where)
    const { config, layers } = parseManifest(stored.bytes, `${repository.where}@${digest}`)
    checks.push({ path: 'manifest', digest, bytes: stored.bytes.byteLength, state: 'intact' })
    await check('config', config)
    for (const layer of layers) await check(layer.annotations?.[NOTE.title] ?? layer.mediaType, layer)
    for (const signature of await repository.referrers(digest)) {
      const bundle = await repository.manifest(signature.digest)
      if (bundle)
        for (const layer of parseManifest(bundle.bytes, signature.digest).layers) await check('signature', layer)
    }
  } catch (error) {
    problems.push(textOf(error))
    if (checks.length === 0) checks.push({ path: 'manifest', digest, bytes: 0, state: whyNot(error) })
  }
  return checks
}

async function stateOf(repository: Repository, descriptor: Descriptor): Promise<BlobCheck['state']> {
  try {
    for await (const _ of repository.read(descriptor));
    return 'intact'
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'bad-data') throw error
    return whyNot(error)
  }
}

const whyNot = (error: unknown) => (error instanceof NotHeld ? 'missing' : 'changed')

/** Who signed what: the signature itself, and whether it speaks of the files that this version has. */
function checkSignature(
  { what, bundle, statement }: Signature,
  version: Version,
  keys: readonly PublicKey[],
): SignatureCheck {
  const covers = coveredBy(statement)
  const key = bundle.verificationMaterial.publicKey?.hint ?? ''
  const base = { what, key, covers: [...covers.keys()], by: null }
  const wrong = notAbout(statement.predicateType, covers, statement.subject[0]?.digest.sha256, version)
  if (wrong !== null) return { ...base, state: 'invalid', detail: wrong }
  if (keys.length === 0) return { ...base, state: 'unchecked' }
  const signer = keys.find((one) => isSignedBy(bundle, one))
  if (signer) return { ...base, state: 'valid', by: signer.path }
  // A known key that does not verify is a forged or damaged signature; any other key is a stranger.
  return keys.some(({ hint }) => hint === key)
    ? { ...base, state: 'invalid', detail: 'the signature does not fit what it covers' }
    : { ...base, state: 'unknown-key' }
}

/** Why a statement is not about this version; null where it is. */
function notAbout(
  type: string,
  covers: ReadonlyMap<string, string>,
  subject: string | undefined,
  { files }: Version,
): string | null {
  const roles = type === MODEL_PREDICATE ? ['model', 'data'] : type === EVALUATION_PREDICATE ? ['report'] : []
  if (roles.length === 0) return null
  const mine = files.filter(({ role }) => roles.includes(role))
  for (const { path, descriptor } of mine)
    if (covers.get(path) !== hexOf(descriptor.digest)) return `it does not cover ${path} as it is here`
  const stray = [...covers.keys()].find((path) => !mine.some((file) => file.path === path))
  if (stray !== undefined) return `it covers ${stray}, which is not here`
  const model = inOrder(
    files
      .filter(({ role }) => role === 'model' || role === 'data')
      .map(({ path, descriptor }) => ({ path, digest: descriptor.digest })),
  )
  return subject === rootDigest(model.map(({ digest }) => digest)) ? null : 'it is about another model'
}

function signatureProblems(
  version: Version,
  signatures: readonly SignatureCheck[],
  keys: readonly PublicKey[],
): readonly string[] {
  const problems = signatures
    .filter(({ state }) => state === 'invalid')
    .map(({ what, detail }) => `the signature on the ${what} is invalid: ${detail}`)
  if (keys.length === 0) return problems
  const signed = (what: string) => signatures.some((item) => item.what === what && item.state === 'valid')
  const given = keys.map(({ path }) => path).join(', ')
  if (!signed('model')) problems.push(`the model is not signed by ${given}`)
  if (version.reports.length > 0 && !signed('evaluation')) problems.push(`the evaluation is not signed by ${given}`)
  return problems
}

async function checkModel(
  store: Store,
  version: Version,
  { replay = true, onProgress }: VerifyOptions,
  problems: string[],
): Promise<{ findings: readonly Finding[]; lineage: Lineage | null }> {
  const { lineage } = version
  try {
    const model = await readModel(await version.modelPath())
    const findings = scanModel(model)
    if (!replay || !lineage?.parent?.version || lineage.explained !== 'replayed') return { findings, lineage }
    const parent = await parentOf(store, lineage.parent)
    if (!parent) return { findings, lineage: { ...lineage, explained: 'unchecked' } }
    onProgress?.(`replaying the recipe of ${version.name}@${version.digest.slice(0, 19)}`)
    const found = await explain(
      await readModel(await parent.modelPath()),
      version.recipe,
      model,
      await version.tensors(),
    )
    if (found.explained === 'unexplained') problems.push(`an edit is explained by no pass: ${found.edits.join('; ')}`)
    return { findings, lineage: { ...lineage, ...found } }
  } catch (error) {
    problems.push(textOf(error))
    return { findings: [], lineage }
  }
}

async function parentOf(store: Store, { name, version }: NonNullable<Lineage['parent']>): Promise<Version | undefined> {
  if (name === null || version === null) return undefined
  try {
    return await store.resolve(`${name}@${version}`)
  } catch (error) {
    if (error instanceof UserError && error.code === 'missing-file') return undefined
    throw error
  }
}

/** What is wrong with the version, as a sentence; anything else (a server that is down, a bug) goes on its way. */
function textOf(error: unknown): string {
  const about =
    error instanceof UserError && ['bad-data', 'bad-model', 'missing-file', 'unsupported'].includes(error.code)
  if (!about) throw error
  return error.where && !error.message.includes(error.where) ? `${error.where}: ${error.message}` : error.message
}
