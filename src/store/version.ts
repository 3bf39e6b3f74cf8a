import { join } from 'node:path'
import type { NumericArray } from '../ir/index.ts'
import {
  type Content,
  cacheFolder,
  readChunks,
  sha256Stream,
  UserError,
  writeDirectoryAtomic,
} from '../platform/index.ts'
import { kinds, type Recipe, type Report } from '../report/index.ts'
import { earlierFiles, removeFiles } from './earlier-version.ts'
import { type Lineage, parseLineage } from './lineage.ts'
import {
  type Descriptor,
  damaged,
  hexOf,
  isForeign,
  type Manifest,
  MEDIA,
  NOTE,
  notAModel,
  parseJson,
  parseManifest,
} from './oci.ts'
import type { Repository } from './repository.ts'
import { type Bundle, parseBundle, type Statement } from './sign.ts'
import { coveredBy, EVALUATION_PREDICATE, MODEL_PREDICATE } from './statements.ts'

/** What a file of a version holds. */
export type Role = 'model' | 'data' | 'recipe' | 'tensor' | 'report' | 'card' | 'bom' | 'lineage' | 'other'

/** A file of a version: its place in the folder that `pull` makes, and the blob that holds it. */
export interface VersionFile {
  readonly path: string
  readonly role: Role
  readonly descriptor: Descriptor
}

/** A signature of a version, and what it vouches for. */
export interface Signature {
  readonly what: 'model' | 'evaluation' | 'other'
  readonly bundle: Bundle
  readonly statement: Statement
  /** Paths of the files that it vouches for. */
  readonly covers: readonly string[]
  /** The manifest that holds it. */
  readonly digest: string
}

/** One version of a model, with everything that is known about it. Its bytes are read and checked on demand. */
export interface Version {
  readonly name: string
  /** Digest of the manifest, which identifies the version with all of its content. */
  readonly digest: string
  readonly tags: readonly string[]
  /** ISO time of the first push; null in registries. */
  readonly pushed: string | null
  readonly manifest: Manifest
  /** Digest of the canonical encoding, by which every report names the model. */
  readonly modelDigest: string
  /** Bytes of the model file and its external data. */
  readonly modelBytes: number
  readonly files: readonly VersionFile[]
  readonly recipe: Recipe | null
  readonly reports: readonly Report[]
  readonly card: string | null
  readonly bom: unknown
  readonly lineage: Lineage | null
  readonly signatures: readonly Signature[]
  /** Tensors that the evidence in the recipe refers to, by digest. */
  tensors(): Promise<ReadonlyMap<string, NumericArray>>
  /** A file's bytes; the digest is checked at the end. */
  read(file: VersionFile): AsyncIterable<Uint8Array>
  /**
   * Path of the model, checked against its digest: the blob itself where it stands alone, else a copy in the cache
   * folder with its external data beside it. It must not be changed.
   */
  modelPath(): Promise<string>
  /**
   * Writes all files, and signatures as `.sig`, into a folder, and returns the path of the model. The folder is made,
   * or replaced file by file; recipe, reports and signatures of an earlier version in it are removed.
   */
  checkout(folder: string): Promise<string>
}

/** Larger reports and the like are refused: no person would read them as evidence. */
const MOST_JSON_BYTES = 256 << 20

/** Reads a version by tag or digest; undefined where there is none. */
export async function readVersion(repository: Repository, reference: string): Promise<Version | undefined> {
  const stored = await repository.manifest(reference)
  if (!stored) return undefined
  const where = `${repository.where}@${stored.digest}`
  const manifest = parseManifest(stored.bytes, where)
  if (isForeign(stored.bytes, where)) throw notAModel(manifest.artifactType ?? manifest.config.mediaType, where)
  const files = manifest.layers.map((layer) => fileOf(layer, where))
  checkFiles(files, where)
  const ofRole = (role: Role) => files.filter((file) => file.role === role)
  const load = async (file: VersionFile) => readAll(repository, file.descriptor)
  const first = async (role: Role) => {
    const [file] = ofRole(role)
    return file ? load(file) : undefined
  }
  const entry = (await repository.entries()).find(({ digest }) => digest === stored.digest)
  const [recipe, card, bom, lineage] = [
    await first('recipe'),
    await first('card'),
    await first('bom'),
    await first('lineage'),
  ]
  const model = files.find(({ role }) => role === 'model')!
  const signatures = await readSignatures(repository, stored.digest)
  return {
    name: repository.name,
    digest: stored.digest,
    tags: entry?.tags ?? [],
    pushed: entry?.pushed ?? null,
    manifest,
    modelDigest: manifest.annotations?.[NOTE.modelDigest] ?? model.descriptor.digest,
    modelBytes: files
      .filter(({ role }) => role === 'model' || role === 'data')
      .reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    files,
    recipe: recipe ? (parseReport(recipe, where) as Recipe) : null,
    reports: await Promise.all(
      ofRole('report').map(async (file) => parseReport(await load(file), `${where} ${file.path}`)),
    ),
    card: card ? new TextDecoder().decode(card) : null,
    bom: bom ? parseJson(bom, where) : null,
    lineage: lineage ? parseLineage(lineage, where) : null,
    signatures,
    async tensors() {
      const entries = ofRole('tensor').map(async (file) => {
        const bytes = await load(file)
        return [file.descriptor.digest, new Float32Array(new Uint8Array(bytes).buffer)] as const
      })
      return new Map(await Promise.all(entries))
    },
    read: (file) => repository.read(file.descriptor),
    modelPath: () => keptModel(repository, files, stored.digest),
    checkout: (folder) => checkout(repository, files, folder, signatures),
  }
}

/**
 * Whether what a name holds under this digest is something of another tool and no model. What is damaged counts as a
 * version: whoever asks for it hears of it.
 */
export async function isForeignTo(repository: Repository, digest: string): Promise<boolean> {
  try {
    const stored = await repository.manifest(digest)
    return stored !== undefined && isForeign(stored.bytes, digest)
  } catch (error) {
    if (error instanceof UserError && error.code === 'bad-data') return false
    throw error
  }
}

const WHAT: Readonly<Record<string, Signature['what']>> = {
  [MODEL_PREDICATE]: 'model',
  [EVALUATION_PREDICATE]: 'evaluation',
}

async function readSignatures(repository: Repository, digest: string): Promise<readonly Signature[]> {
  const found: Signature[] = []
  for (const referrer of await repository.referrers(digest)) {
    if (referrer.artifactType !== undefined && referrer.artifactType !== MEDIA.bundle) continue
    const stored = await repository.manifest(referrer.digest)
    const where = `${repository.where}@${referrer.digest}`
    if (!stored) throw damaged('a signature is listed and missing', where)
    for (const layer of parseManifest(stored.bytes, where).layers) {
      if (layer.mediaType !== MEDIA.bundle) continue
      const { bundle, statement } = parseBundle(await readAll(repository, layer), where)
      const what = WHAT[statement.predicateType] ?? 'other'
      found.push({ what, bundle, statement, covers: [...coveredBy(statement).keys()], digest: referrer.digest })
    }
  }
  return found
}

/** The bytes of a small blob. */
export async function readAll(repository: Repository, descriptor: Descriptor): Promise<Uint8Array> {
  if (descriptor.size > MOST_JSON_BYTES)
    throw new UserError('unsupported', `${descriptor.digest} takes ${descriptor.size} bytes, too many for a document`, {
      where: repository.where,
      hint: 'it was not written by Whetstone',
    })
  const pieces: Uint8Array[] = []
  for await (const piece of repository.read(descriptor)) pieces.push(piece.slice())
  return Buffer.concat(pieces)
}

const ROLES: Readonly<Record<string, Role>> = {
  [MEDIA.recipe]: 'recipe',
  [MEDIA.tensor]: 'tensor',
  [MEDIA.report]: 'report',
  [MEDIA.bom]: 'bom',
  [MEDIA.lineage]: 'lineage',
  [MEDIA.card]: 'card',
}

function fileOf(layer: Descriptor, where: string): VersionFile {
  const path = layer.annotations?.[NOTE.filePath] ?? layer.annotations?.[NOTE.title] ?? `other/${hexOf(layer.digest)}`
  if (!isSafePath(path))
    throw new UserError('bad-data', `a file of this version wants to be written to ${JSON.stringify(path)}`, {
      where,
      hint: 'do not use it: whoever made it wants to write outside the folder that you choose',
    })
  const weights = layer.mediaType === MEDIA.weight
  return {
    path,
    role: weights ? (path.endsWith('.onnx') ? 'model' : 'data') : (ROLES[layer.mediaType] ?? 'other'),
    descriptor: layer,
  }
}

function checkFiles(files: readonly VersionFile[], where: string): void {
  const models = files.filter(({ role }) => role === 'model')
  if (models.length !== 1)
    throw new UserError(
      'unsupported',
      `this version holds ${models.length} ONNX files as layers, and one is expected`,
      {
        where,
        hint: 'name a version that whet push has written, or a ModelPack artefact with one raw .onnx layer',
      },
    )
  const paths = new Set(files.map(({ path }) => path.toLowerCase()))
  if (paths.size < files.length) throw damaged('two files of this version have the same name', where)
}

/** A relative path that stays below its folder on every system, and that no system reads as a device or stream. */
export function isSafePath(path: string): boolean {
  if (path.length === 0 || path.length > 512) return false
  return path
    .split('/')
    .every((part) => /^[^\\:*?"<>|]+$/.test(part) && !/^\.{1,2}$|[. ]$/.test(part) && !hasControl(part))
}

const hasControl = (text: string) => [...text].some((char) => char.codePointAt(0)! < 32)

/** A report of untrusted bytes: of a kind and version that this Whetstone knows. `hint`: what to do where it is no JSON. */
export function parseReport(bytes: Uint8Array, where: string, hint?: string): Report {
  const report = parseJson(bytes, where, hint) as Partial<Report> | null
  const kind = report?.kind
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind))
    throw new UserError('unsupported', `${JSON.stringify(kind ?? null)} is no kind of report that this version knows`, {
      where,
      hint: 'upgrade whetstone, or give the file that whet … --json printed',
    })
  if (report!.version !== 1)
    throw new UserError('unsupported', `the ${kind} report has version ${JSON.stringify(report!.version ?? null)}`, {
      where,
      hint: 'this Whetstone reads version 1; upgrade whetstone',
    })
  return report as Report
}

async function checkout(
  repository: Repository,
  files: readonly VersionFile[],
  folder: string,
  signatures: readonly Signature[] = [],
): Promise<string> {
  const contents = files.map(({ path, descriptor }): readonly [string, Content] => [path, repository.read(descriptor)])
  const bundles = signatures.map(({ what, bundle }, i): readonly [string, Content] => {
    const before = signatures.slice(0, i).filter((other) => other.what === what).length
    return [`${what}${before === 0 ? '' : `-${before + 1}`}.sig`, `${JSON.stringify(bundle, null, 1)}\n`]
  })
  const earlier = earlierFiles(folder)
  const own = [...contents, ...bundles]
  await writeDirectoryAtomic(folder, own)
  removeFiles(
    folder,
    earlier.filter((name) => !own.some(([path]) => path === name)),
  )
  return join(folder, files.find(({ role }) => role === 'model')!.path)
}

async function keptModel(repository: Repository, files: readonly VersionFile[], digest: string): Promise<string> {
  const needed = files.filter(({ role }) => role === 'model' || role === 'data')
  const [model] = needed.filter(({ role }) => role === 'model')
  if (needed.length === 1 && repository.blobPath) {
    // Reading to the end is what checks it.
    for await (const _ of repository.read(model!.descriptor));
    return repository.blobPath(model!.descriptor.digest)
  }
  const folder = join(cacheFolder(), 'versions', hexOf(digest))
  const whole = await Promise.all(
    needed.map(async ({ path, descriptor }) => {
      try {
        return (await sha256Stream(readChunks(join(folder, path)))) === descriptor.digest
      } catch {
        return false
      }
    }),
  )
  return whole.every(Boolean) ? join(folder, model!.path) : checkout(repository, needed, folder)
}
