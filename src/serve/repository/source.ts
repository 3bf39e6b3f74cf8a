import type { VersionFile } from '../model/served-version.ts'

/** What one model has to offer. */
interface Offer {
  readonly name: string
  /** Oldest first; the last one is served by default. */
  readonly versions: readonly string[]
}

/** Where models come from. */
export interface ModelSource {
  /** How the log names it. */
  readonly description: string
  list(): Promise<readonly Offer[]>
  /** Model files that it holds and does not offer, with what is to be done; absent where there can be none. */
  passedOver?(): Promise<readonly { readonly file: string; readonly hint: string }[]>
  /**
   * The file of a version, the newest where `version` is null; null where there is none of that name. What `find` gives
   * stays where it is while the version is loaded.
   */
  find(name: string, version: string | null): Promise<VersionFile | null>
  /** The command by which a person compares two versions that were found, on rows of theirs; absent where none can. */
  comparison?(name: string, base: string, candidate: string): string
}

/** Names that go into addresses and metrics as they are. */
export const isModelName = (name: string): boolean => /^[\w.-]{1,128}$/.test(name) && !/^\.+$/.test(name)
