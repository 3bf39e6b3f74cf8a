import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { createInflateRaw, crc32 as zlibCrc32 } from 'node:zlib'
import { UserError } from '../user-error.ts'
import { explainSystemError } from './system-error.ts'

/** A file that is read by ranges, without blocking; whoever opens it closes it. */
export interface RangeReader {
  readonly byteLength: number
  /** Exactly `length` bytes from `offset`; a UserError `bad-data` where the file ends before. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Turns what the operating system says about a path into a UserError. */
function pathError(file: string, cause: unknown): UserError {
  const explained = explainSystemError(cause, file, 'read')
  if (explained instanceof UserError) return explained
  return new UserError('missing-file', `cannot read ${file}: ${(cause as { code?: string }).code ?? String(cause)}`, {
    where: file,
    hint: 'check that it is a file or a folder, and that its disk answers',
    cause,
  })
}

/** Opens a file for reading by ranges. A file that is missing or unreadable is a UserError. */
export async function openRangeReader(file: string): Promise<RangeReader> {
  try {
    const handle = await open(file, 'r')
    const { size } = await handle.stat()
    return {
      byteLength: size,
      async read(offset, length) {
        const bytes = new Uint8Array(length)
        let filled = 0
        while (filled < length) {
          const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
          if (bytesRead === 0)
            throw new UserError('bad-data', `"${file}" ends ${length - filled} bytes too early.`, {
              where: file,
              hint: 'The file is cut off: copy or download it again.',
            })
          filled += bytesRead
        }
        return bytes
      },
      close: () => handle.close(),
    }
  } catch (cause) {
    throw pathError(file, cause)
  }
}

/** The bytes of a file from `start` to before `end`, in pieces of at most 256 KiB. */
export async function* readChunks(file: string, start = 0, end?: number): AsyncGenerator<Uint8Array> {
  if (end !== undefined && end <= start) return
  const stream = createReadStream(file, {
    start,
    ...(end === undefined ? {} : { end: end - 1 }),
    highWaterMark: 1 << 18,
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
  } catch (cause) {
    throw pathError(file, cause)
  } finally {
    stream.destroy()
  }
}

/** All bytes of a small file. */
export async function readWholeFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw pathError(file, cause)
  }
}

/** Whether a path is a file or a folder; a missing one is a UserError. */
export async function pathKind(file: string): Promise<'file' | 'folder'> {
  try {
    return (await stat(file)).isDirectory() ? 'folder' : 'file'
  } catch (cause) {
    throw pathError(file, cause)
  }
}

export interface FolderEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
}

/** What a folder holds, sorted by code units, links followed, dangling links and special files left out. */
export async function listFolder(folder: string): Promise<readonly FolderEntry[]> {
  try {
    const entries: FolderEntry[] = []
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'folder' })
      else if (entry.isFile()) entries.push({ name: entry.name, kind: 'file' })
      else if (entry.isSymbolicLink()) {
        const target = await stat(path.join(folder, entry.name)).catch(() => null)
        if (target) entries.push({ name: entry.name, kind: target.isDirectory() ? 'folder' : 'file' })
      }
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  } catch (cause) {
    throw pathError(folder, cause)
  }
}

/** The path of a file or folder with all links resolved. */
export async function realPath(file: string): Promise<string> {
  try {
    return await realpath(file)
  } catch (cause) {
    throw pathError(file, cause)
  }
}

/** Joins path parts in the way of this machine; an absolute part starts anew. */
export function joinPath(...parts: readonly string[]): string {
  return parts.reduce((joined, part) => (path.isAbsolute(part) || joined === '' ? part : path.join(joined, part)), '')
}

/** The folder that a file lies in. */
export function folderOf(file: string): string {
  return path.dirname(file)
}

/** The last part of a path. */
export function nameOf(file: string): string {
  return path.basename(file)
}

/**
 * Inflates a raw DEFLATE stream while it arrives; memory is bounded by a few chunks. Damaged or cut-off input throws
 * zlib's own error.
 */
export async function* inflateRaw(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: 1 << 18 })
  const source = Readable.from(chunks, { objectMode: true, highWaterMark: 1 })
  source.on('error', (error) => inflater.destroy(error))
  source.pipe(inflater)
  try {
    for await (const chunk of inflater) yield chunk as Uint8Array
  } finally {
    source.destroy()
    inflater.destroy()
  }
}

/** CRC-32 as zip files use it; `seed` is the value so far. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed)
}

/** `sha256:…` over chunks as they come. */
export async function sha256Stream(chunks: AsyncIterable<Uint8Array | string>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
