import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { explainSystemError, makeFolder, UserError } from '../../platform/index.ts'

/** One act on a server: who did what to which model, and what came of it. */
export interface Act {
  readonly act: string
  readonly who: string
  readonly from: string
  readonly model: string
  readonly version?: string
  readonly outcome: 'done' | 'refused' | 'failed'
  readonly reason?: string
}

interface Entry extends Act {
  readonly n: number
  readonly time: string
  /** Hash of the entry before; that of nothing is 64 zeros. */
  readonly before: string
  readonly hash: string
}

const NOTHING = '0'.repeat(64)

/**
 * The acts on a server, one a line, each with the hash of the one before: a line that is changed or taken out breaks
 * the chain from there on. Lines are only ever appended, and flushed before the act is answered.
 */
export class AuditLog {
  readonly #path: string
  readonly #fd: number
  #n: number
  #last: string

  /**
   * Opens or continues a log.
   *
   * @throws UserError where the chain is broken or the file cannot be written.
   */
  constructor(path: string) {
    this.#path = path
    try {
      makeFolder(dirname(path))
      this.#fd = openSync(path, 'a', 0o600)
    } catch (error) {
      throw explainSystemError(error, path, 'write')
    }
    try {
      const { entries, last } = verifyAuditLog(path)
      this.#n = entries
      this.#last = last
    } catch (error) {
      // Nobody gets the log, so that nobody could close it.
      this.close()
      throw error
    }
  }

  /** @throws UserError where the line cannot be written, as on a full disk: then nothing of it is there. */
  record(act: Act): void {
    const head = { n: this.#n, time: new Date().toISOString(), ...act, before: this.#last }
    const hash = hashOf(head)
    this.#append(Buffer.from(`${JSON.stringify({ ...head, hash })}\n`))
    this.#n++
    this.#last = hash
  }

  /** The whole, or nothing: half a line would be taken for one that was cut, and the log for broken. */
  #append(line: Buffer): void {
    const before = fstatSync(this.#fd).size
    try {
      // A disk that fills up takes a part, and says so only when it is given the rest.
      for (let written = 0; written < line.length; ) written += writeSync(this.#fd, line, written)
      fsyncSync(this.#fd)
    } catch (error) {
      ftruncateSync(this.#fd, before)
      throw explainSystemError(error, this.#path, 'write')
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

const hashOf = (head: Omit<Entry, 'hash'>) => createHash('sha256').update(JSON.stringify(head)).digest('hex')

/**
 * Follows the chain of a log from its beginning. A last line that was cut short (the machine stopped in the middle of
 * it) is an error as well: nobody can tell it from one that was cut on purpose.
 *
 * @throws UserError that names the first line that does not fit.
 */
export function verifyAuditLog(path: string): { readonly entries: number; readonly last: string } {
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  if (lines.pop() !== '') throw broken(path, lines.length + 1, 'it is cut short')
  let before = NOTHING
  for (const [i, line] of lines.entries()) {
    let entry: Entry
    try {
      entry = JSON.parse(line) as Entry
    } catch {
      throw broken(path, i + 1, 'it is not JSON')
    }
    const { hash, ...head } = entry
    if (head.n !== i || head.before !== before || hashOf(head) !== hash)
      throw broken(path, i + 1, 'it does not follow from the line before')
    before = hash
  }
  return { entries: lines.length, last: before }
}

const broken = (path: string, line: number, why: string) =>
  new UserError('bad-data', `the audit log is broken at line ${line}: ${why}`, {
    where: path,
    hint: 'keep the file as evidence and name another with --audit',
  })
