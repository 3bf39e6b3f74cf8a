import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { explainSystemError, makeFolder, temporaryName, writeAtomic } from '../platform/index.ts'

/** What is known of one output. */
export interface SpooledOutput {
  readonly name: string
  readonly dtype: string
  /** Shape of one row; null where rows differ. */
  readonly shape: readonly (number | null)[]
}

interface Progress {
  readonly key: string
  readonly next: number
  readonly rows: number
  readonly outputs: readonly SpooledOutput[]
  readonly bytes: Readonly<Record<string, number>>
}

/**
 * The folder that answers gather in until the file is whole: files that only grow, and how far they are good. A run
 * that was interrupted goes on from the last row that is safe on disk; one with another key starts anew. One run at a
 * time: whoever opens it holds the lock of its folder.
 */
export class PredictionSpool {
  readonly folder: string
  readonly #key: string
  readonly #files = new Map<string, { readonly fd: number; bytes: number }>()
  next = 0
  rows = 0
  outputs: readonly SpooledOutput[] = []

  /** @param key everything that decides the answers: model, data, rows a run, format. */
  constructor(folder: string, key: string) {
    this.folder = folder
    this.#key = key
    try {
      const progress = readProgress(join(folder, PROGRESS))
      makeFolder(folder)
      if (progress?.key !== key) {
        clear(folder)
        return
      }
      for (const [name, bytes] of Object.entries(progress.bytes)) ftruncateSync(this.#open(name, bytes).fd, bytes)
      this.next = progress.next
      this.rows = progress.rows
      this.outputs = progress.outputs
    } catch (error) {
      throw explainSystemError(error, folder, 'write')
    }
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  append(name: string, bytes: Uint8Array): void {
    const file = this.#files.get(name) ?? this.#open(name, 0)
    try {
      for (let at = 0; at < bytes.byteLength; )
        at += writeSync(file.fd, bytes, at, bytes.byteLength - at, file.bytes + at)
    } catch (error) {
      throw explainSystemError(error, this.folder, 'write')
    }
    file.bytes += bytes.byteLength
  }

  /** From here on, a later run goes on. */
  async commit(): Promise<void> {
    for (const { fd } of this.#files.values()) fsyncSync(fd)
    const bytes = Object.fromEntries([...this.#files].map(([name, file]) => [name, file.bytes]))
    const { next, rows, outputs } = this
    await writeAtomic(
      this.path(PROGRESS),
      JSON.stringify({ key: this.#key, next, rows, outputs, bytes } satisfies Progress),
    )
  }

  close(): void {
    for (const { fd } of this.#files.values()) closeSync(fd)
    this.#files.clear()
  }

  /** Takes the folder away in one step, its lock included: whoever comes next makes a new one. */
  remove(): void {
    this.close()
    const aside = temporaryName(this.folder)
    renameSync(this.folder, aside)
    rmSync(aside, { recursive: true, force: true })
  }

  #open(name: string, bytes: number): { readonly fd: number; bytes: number } {
    const path = this.path(name)
    const file = { fd: openSync(path, existsSync(path) ? 'r+' : 'w+'), bytes }
    this.#files.set(name, file)
    return file
  }
}

const PROGRESS = 'progress.json'

/** What a spool wrote goes; names that begin with a dot, such as the lock, are not its own. */
function clear(folder: string): void {
  for (const name of readdirSync(folder)) if (!name.startsWith('.')) rmSync(join(folder, name), { recursive: true })
}

function readProgress(path: string): Progress | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Progress
  } catch {
    return null
  }
}
