import { linkSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../user-error.ts'
import { runsHere } from './leftovers.ts'
import { makeFolder } from './make-folder.ts'
import { explainSystemError } from './system-error.ts'
import { temporaryName } from './write-atomic.ts'

const LOCK = '.whetstone.lock'

interface Owner {
  readonly pid: number
  readonly host: string
  /** Tells a process from a later one with the same number; null where the system does not say. */
  readonly born: string | null
  readonly since: string
}

/** What a second run is told when it is refused, and what it could do instead. */
export interface BusyWords {
  readonly busy: string
  readonly instead: string
}

const FOLDER: BusyWords = { busy: 'another run is working in this folder', instead: 'choose another folder' }

/**
 * Runs `work` with an exclusive lock on this folder. A missing folder is made, and removed again if it stays empty. A
 * second run, in this process or another, is refused: UserError `busy`. The lock of a dead process is taken over.
 * `work` may remove the folder, and the lock with it.
 */
export async function withLock<T>(folder: string, work: () => T | Promise<T>, words = FOLDER): Promise<T> {
  const path = join(folder, LOCK)
  const own: Owner = { pid: process.pid, host: hostname(), born: birthOf(process.pid), since: new Date().toISOString() }
  const text = `${JSON.stringify(own)}\n`
  let made: readonly string[] = []
  try {
    made = makeFolder(folder)
    take(path, text, words)
  } catch (error) {
    throw explainSystemError(error, folder, 'write')
  }
  const release = () => {
    if (readText(path) === text) rmSync(path, { force: true })
    removeEmpty(made)
  }
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

/** Removes those of these folders that are empty; they are listed from the outermost in. */
function removeEmpty(folders: readonly string[]): void {
  try {
    for (const folder of folders.toReversed()) rmdirSync(folder)
  } catch {
    // It holds something, or another process removed it: it is no longer ours.
  }
}

function take(path: string, text: string, words: BusyWords): void {
  for (let attempt = 0; attempt < 10; attempt++) {
    if (create(path, text)) return
    const found = readText(path)
    if (found === undefined) continue
    const owner = parse(found)
    if (owner && alive(owner)) throw busy(path, owner, words)
    // Moves the abandoned lock away and tries again; if another process had taken it over by now, its lock goes back.
    const aside = temporaryName(path)
    try {
      renameSync(path, aside)
    } catch {
      continue
    }
    if (readText(aside) !== found) tryLink(aside, path)
    rmSync(aside, { force: true })
  }
  throw busy(path, undefined, words)
}

/** Makes the lock with its content in one step, so that it is never read half-written. */
function create(path: string, text: string): boolean {
  const temporary = temporaryName(path)
  writeFileSync(temporary, text, { flag: 'wx' })
  try {
    return tryLink(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    // File systems without hard links: creating exclusively is the next best.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error
    try {
      writeFileSync(to, readFileSync(from), { flag: 'wx' })
      return true
    } catch (second) {
      if ((second as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw second
    }
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function parse(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null
    return typeof owner?.pid === 'number' && typeof owner.host === 'string' ? (owner as Owner) : undefined
  } catch {
    return undefined
  }
}

/** Processes of other machines cannot be asked; they count as alive. */
function alive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true
  if (!runsHere(owner.pid)) return false
  const born = birthOf(owner.pid)
  return born === null || owner.born === null || born === owner.born
}

/** Start time of a process in clock ticks since boot, field 22 of /proc/PID/stat (Linux). */
function birthOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

function busy(path: string, owner: Owner | undefined, words: BusyWords): UserError {
  const who = owner ? `process ${owner.pid} on ${owner.host}, since ${owner.since}` : 'another process'
  return new UserError('busy', `${words.busy} (${who})`, {
    where: path,
    hint: `wait until it has finished, or ${words.instead}; if it runs no more, delete this file`,
  })
}
