import type { CollectionReport, VerificationReport } from '../report/index.ts'
import type { CollectOptions } from './gc.ts'
import type { PutInput, PutOptions } from './put.ts'
import type { Entry, Repository } from './repository.ts'
import type { Finding } from './scan.ts'
import type { PublicKey } from './sign.ts'
import type { Version } from './version.ts'

/** Versions of models by name, in a folder or in a registry; the same artefacts in both. */
export interface Store {
  /** The folder or URL. */
  readonly location: string
  readonly kind: 'folder' | 'registry'
  /** Names that have versions, sorted. UserError `unsupported` where a registry does not tell. */
  names(): Promise<readonly string[]>
  /** The versions of a name in the order of their first push; registries know only those with a tag. */
  list(name: string): Promise<readonly Entry[]>
  /** `NAME`, `NAME:TAG`, `NAME@sha256:…`. UserError `missing-file` where there is none. */
  resolve(reference: string): Promise<Version>
  /** Makes a new version (the same content is the same version) and points the tag at it. */
  put(name: string, input: PutInput, options?: PutOptions): Promise<{ version: Version; findings: readonly Finding[] }>
  /**
   * Points a tag at a version that is there, or takes it away (null), in one step: readers see the old or the new.
   * With `expect`, only if the tag names that digest (null: nothing) now, else UserError `busy`; a registry cannot
   * promise that nobody moves it between the look and the step.
   */
  tag(name: string, tag: string, digest: string | null, expect?: string | null): Promise<void>
  /** Checks one version, all of a name, or everything. */
  verify(reference: string | null, options?: VerifyOptions): Promise<VerificationReport>
  /** Removes what nothing refers to. UserError `unsupported` in registries, which do it themselves. */
  collect(options?: CollectOptions): Promise<CollectionReport>
  /** One name, at the level of blobs and manifests. */
  repository(name: string): Repository
}

export interface StoreOptions {
  /** Allows http:// beyond this machine. */
  readonly plainHttp?: boolean
}

export interface VerifyOptions {
  /** Public keys that are trusted; with any, a version must be signed by one of them. */
  readonly keys?: readonly PublicKey[] | undefined
  /** Replays recipes on parents that the store has; on unless false. */
  readonly replay?: boolean | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}
