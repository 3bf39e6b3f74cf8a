import { UserError } from '../platform/index.ts'

/** Media types of the OCI image specification 1.1, of ModelPack (CNCF) and of what Whetstone adds. */
export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  model: 'application/vnd.cncf.model.manifest.v1+json',
  config: 'application/vnd.cncf.model.config.v1+json',
  weight: 'application/vnd.cncf.model.weight.v1.raw',
  card: 'application/vnd.cncf.model.doc.v1.raw',
  bom: 'application/vnd.cyclonedx+json',
  recipe: 'application/vnd.whetstone.recipe.v1+json',
  report: 'application/vnd.whetstone.report.v1+json',
  /** What a recipe's evidence refers to: raw little-endian float32, named by digest. */
  tensor: 'application/vnd.whetstone.tensor.v1.raw',
  lineage: 'application/vnd.whetstone.lineage.v1+json',
  bundle: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  empty: 'application/vnd.oci.empty.v1+json',
} as const

export const NOTE = {
  title: 'org.opencontainers.image.title',
  filePath: 'org.cncf.model.filepath',
  tag: 'org.opencontainers.image.ref.name',
  /** On an entry of `index.json`: when it was pushed. Not in the manifest: the same content keeps the same digest. */
  pushed: 'dev.whetstone.pushed',
  /** On a model manifest: digest of the canonical encoding of the model. */
  modelDigest: 'dev.whetstone.model.digest',
} as const

/** A blob as manifests of the OCI image specification name it. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** In bytes. */
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** An OCI image manifest; `subject` is what a signature is about. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** Registries refuse larger ones. */
export const MOST_MANIFEST_BYTES = 4 << 20

const DIGEST = /^sha256:[0-9a-f]{64}$/
export const isDigest = (text: unknown): text is string => typeof text === 'string' && DIGEST.test(text)
export const hexOf = (digest: string): string => digest.slice('sha256:'.length)

/** A descriptor of untrusted JSON; UserError `bad-data` names what is wrong with it. */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  const found = value as Partial<Descriptor> | null
  if (typeof found !== 'object' || found === null) throw damaged('a descriptor is missing', where)
  if (!isDigest(found.digest)) throw damaged(`${JSON.stringify(found.digest ?? null)} is not a sha256 digest`, where)
  if (typeof found.size !== 'number' || !Number.isSafeInteger(found.size) || found.size < 0)
    throw damaged(`the size of ${found.digest} is ${JSON.stringify(found.size ?? null)}`, where)
  if (typeof found.mediaType !== 'string') throw damaged(`${found.digest} has no media type`, where)
  const annotations = textRecord(found.annotations)
  return {
    mediaType: found.mediaType,
    digest: found.digest,
    size: found.size,
    ...(typeof found.artifactType === 'string' ? { artifactType: found.artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  }
}

/** A manifest of untrusted bytes. UserError `bad-data` where it is damaged, `unsupported` where it is something else. */
export function parseManifest(bytes: Uint8Array, where: string): Manifest {
  const value = parseJson(bytes, where) as Partial<Manifest> | null
  if (typeof value !== 'object' || value === null || value.schemaVersion !== 2)
    throw damaged('this is no OCI manifest', where)
  if (value.mediaType !== undefined && value.mediaType !== MEDIA.manifest) throw notAModel(value.mediaType, where)
  if (!Array.isArray(value.layers)) throw damaged('the manifest lists no layers', where)
  const annotations = textRecord(value.annotations)
  return {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: parseDescriptor(value.config, where),
    layers: value.layers.map((layer) => parseDescriptor(layer, where)),
    ...(typeof value.artifactType === 'string' ? { artifactType: value.artifactType } : {}),
    ...(value.subject ? { subject: parseDescriptor(value.subject, where) } : {}),
    ...(annotations ? { annotations } : {}),
  }
}

/**
 * What a manifest or an index refers to, whichever tool has written it. UserError `unsupported` for anything else.
 */
export function referencesIn(bytes: Uint8Array, where: string): Record<'manifests' | 'blobs', readonly Descriptor[]> {
  const value = parseJson(bytes, where) as Record<'config' | 'layers' | 'manifests', unknown> | null
  const parsed = (items: readonly unknown[]) => items.map((item) => parseDescriptor(item, where))
  if (Array.isArray(value?.manifests)) return { manifests: parsed(value.manifests), blobs: [] }
  if (Array.isArray(value?.layers)) return { manifests: [], blobs: parsed([value.config, ...value.layers]) }
  throw new UserError('unsupported', 'what this artefact of another tool refers to is not known', {
    where,
    hint: 'move it to another name or store with the tool that wrote it',
  })
}

/**
 * Whether a manifest is no model: an image, an index, what another tool has attached to a version. Names may hold such
 * things beside their versions.
 */
export function isForeign(bytes: Uint8Array, where: string): boolean {
  const value = parseJson(bytes, where) as Partial<Manifest> | null
  const { mediaType = MEDIA.manifest, artifactType, config, layers } = value ?? {}
  if (mediaType !== MEDIA.manifest) return true
  const types = [config?.mediaType, ...(Array.isArray(layers) ? layers : []).map((layer) => layer?.mediaType)]
  return artifactType !== MEDIA.model && !types.includes(MEDIA.config) && !types.includes(MEDIA.weight)
}

/** UserError `bad-data` for bytes that are no JSON in UTF-8; `where` is the file, `hint` for what no store has kept. */
export function parseJson(bytes: Uint8Array, where: string, hint?: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw damaged('this is not JSON', where, cause, hint)
  }
}

/** What another tool has put under a name, by its media type. */
export function notAModel(type: unknown, where: string): UserError {
  return new UserError('unsupported', `${type} is not a model`, {
    where,
    hint: 'name an artefact that whet push has written, or one of the ModelPack format',
  })
}

/** A blob, or a manifest, that is listed and not there. */
export class NotHeld extends UserError {
  constructor(what: string, where: string, hint = 'restore it from a copy, or push the version again') {
    super('bad-data', `${what} is missing`, { where, hint })
  }
}

/** What a store holds that nobody's tool can have written whole. */
export function damaged(
  what: string,
  where: string,
  cause?: unknown,
  hint = 'it was changed or cut short: restore it from a copy, or push the version again',
): UserError {
  return new UserError('bad-data', what, {
    where,
    hint,
    ...(cause === undefined ? {} : { cause }),
  })
}

function textRecord(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(entries)
}
