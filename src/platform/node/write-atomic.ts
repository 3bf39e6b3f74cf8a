import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UserError } from '../user-error.ts'
import { clearLeftovers, nameIn } from './leftovers.ts'
import { explainSystemError } from './system-error.ts'

export type Bytes = Uint8Array | string
/** What a file shall hold: all at once, or piece by piece (a piece may be overwritten once the next is asked for). */
export type Content = Bytes | Iterable<Bytes> | AsyncIterable<Bytes>

interface Pending {
  readonly path: string
  readonly temporary: string
}

/** A name beside `path` that nobody else uses; starts with a dot so that listings of results skip it. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${nameIn(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`)
}

/**
 * That a file may take the place of what is at `path`: nothing, a file, or a folder that the system refuses itself. A
 * device would be gone for everybody, and who reads from a pipe would wait for ever.
 *
 * @throws UserError `bad-argument` where a device, a pipe or a socket has the name.
 */
export function checkReplaceable(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false })
  if (!there || there.isFile() || there.isDirectory()) return
  throw new UserError('bad-argument', `cannot write ${path}: it is a device or a pipe, not a file`, {
    where: path,
    hint: 'name a file',
  })
}

/**
 * Writes a file so that `path` holds either what it held before or all of `content`: a temporary file in the same
 * folder, flushed to disk, then renamed. On any error nothing is left behind; what the system refused is a UserError
 * (`unwritable`, `out-of-resources`).
 */
export async function writeAtomic(path: string, content: Content): Promise<void> {
  await writeFilesAtomic([[path, content]])
}

export interface WriteLasting {
  /** Flushed to disk, so that it outlives a loss of power; true by default. What goes with the process need not. */
  readonly lasting?: boolean
}

/**
 * Several files that belong together: all are written and flushed before the first is renamed, and they are renamed
 * in the order given, so name the one that refers to the others last. What they replace is set aside meanwhile, that one
 * first: whoever ends in between leaves no old file that refers to new ones, and on an error all is as it was.
 */
export async function writeFilesAtomic(
  files: readonly (readonly [path: string, content: Content])[],
  { lasting = true }: WriteLasting = {},
): Promise<void> {
  const pending: Pending[] = []
  const placed: string[] = []
  const aside: Pending[] = []
  let current = ''
  try {
    for (const [path, content] of files) {
      current = path
      checkReplaceable(path)
      const temporary = temporaryName(path)
      pending.push({ path, temporary })
      await writeWhole(temporary, content, lasting)
    }
    if (files.length > 1) for (const { path } of pending.toReversed()) setAside(path, aside)
    while (pending.length > 0) {
      const { path, temporary } = pending[0]!
      current = path
      renameSync(temporary, path)
      placed.push(path)
      pending.shift()
    }
    if (lasting) {
      for (const folder of new Set(files.map(([path]) => dirname(path)))) flushFolder(folder)
      clearLeftovers(files.map(([path]) => path))
    }
  } catch (error) {
    if (pending.length > 0 && files.length > 1) for (const path of placed) rmSync(path, { force: true })
    for (const { path, temporary } of aside.splice(0).reverse()) renameSync(temporary, path)
    throw explainSystemError(error, current, 'write')
  } finally {
    for (const { temporary } of [...pending, ...aside]) rmSync(temporary, { force: true })
  }
}

/**
 * Gives the file at `path` another name, and `aside` a note of it; anything but a file stays for the system to refuse.
 */
function setAside(path: string, aside: Pending[]): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return
  const temporary = temporaryName(path)
  renameSync(path, temporary)
  aside.push({ path, temporary })
}

async function writeWhole(path: string, content: Content, flush: boolean): Promise<void> {
  const fd = openSync(path, 'wx', 0o666)
  try {
    if (typeof content === 'string' || content instanceof Uint8Array) writeAll(fd, content)
    else for await (const piece of content) writeAll(fd, piece)
    if (flush) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, piece: Bytes): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
  for (let done = 0; done < bytes.byteLength; )
    done += writeSync(fd, bytes, done, Math.min(1 << 28, bytes.byteLength - done))
}

/** Makes renames in this folder durable; systems that cannot open folders do without. */
export function flushFolder(folder: string): void {
  let fd: number
  try {
    fd = openSync(folder, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(fd)
  } catch {
    // Some network file systems refuse to flush folders; the rename itself has happened.
  } finally {
    closeSync(fd)
  }
}
