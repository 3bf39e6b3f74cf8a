import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { UserError } from '../user-error.ts'
import { explainSystemError } from './system-error.ts'

/** One read call at most; the system's own limit is just below 2 GiB. */
const STEP = 1 << 28

const closer = new FinalizationRegistry<number>((fd) => {
  try {
    closeSync(fd)
  } catch {
    // Closed already; nobody is left who could be told.
  }
})

/**
 * A file that stays open while anything refers to it, so that its ranges keep their bytes even when a new file takes
 * over its name.
 */
export class FileSource {
  readonly path: string
  readonly byteLength: number
  readonly #fd: number

  /** Opens the file; UserError `missing-file` where it cannot be read. */
  constructor(path: string) {
    this.path = path
    try {
      this.#fd = openSync(path, 'r')
      const stat = fstatSync(this.#fd)
      if (!stat.isFile()) {
        closeSync(this.#fd)
        throw new UserError('missing-file', `${path} is not a file`, { where: path, hint: 'name a file' })
      }
      this.byteLength = stat.size
    } catch (error) {
      throw explainSystemError(error, path, 'read')
    }
    closer.register(this, this.#fd)
  }

  /** Bytes [offset, offset + byteLength) of the file, read when asked. */
  range(offset: number, byteLength: number): FileRange {
    if (offset < 0 || byteLength < 0 || offset + byteLength > this.byteLength)
      throw new Error(`internal: range ${offset}+${byteLength} of ${this.path} (${this.byteLength} bytes)`)
    return new FileRange(this, offset, byteLength)
  }

  /** Fills `into` from `offset`; UserError `bad-data` where the file became shorter since it was opened. */
  readInto(into: Uint8Array, offset: number): void {
    for (let done = 0; done < into.byteLength; ) {
      const got = readSync(this.#fd, into, done, Math.min(STEP, into.byteLength - done), offset + done)
      if (got === 0) throw truncated(this.path)
      done += got
    }
  }
}

/** A range of a file. What was read is remembered only as long as somebody else holds it. */
class FileRange {
  readonly source: FileSource
  readonly offset: number
  readonly byteLength: number
  #last: WeakRef<Uint8Array> | undefined

  constructor(source: FileSource, offset: number, byteLength: number) {
    this.source = source
    this.offset = offset
    this.byteLength = byteLength
  }

  read(): Uint8Array {
    const last = this.#last?.deref()
    if (last) return last
    // A buffer of its own rather than Buffer's pool: typed arrays over it are aligned.
    const bytes = new Uint8Array(this.byteLength)
    this.source.readInto(bytes, this.offset)
    this.#last = new WeakRef(bytes)
    return bytes
  }

  /** The bytes in pieces; the buffer is used again for the next piece. */
  *chunks(size = 1 << 22): Generator<Uint8Array> {
    const buffer = new Uint8Array(Math.min(size, this.byteLength))
    for (let done = 0; done < this.byteLength; done += buffer.byteLength) {
      const piece = buffer.subarray(0, Math.min(buffer.byteLength, this.byteLength - done))
      this.source.readInto(piece, this.offset + done)
      yield piece
    }
  }
}

/** Names that mean another file in each process: the one that runs a model would not find what was read here. */
const OF_THIS_PROCESS = /^\/(dev\/(stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/

/** A whole file in one buffer, aligned for any typed array. UserError `missing-file` where it cannot be read. */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    // Asked before it is opened: that would wait until somebody writes into a pipe.
    const there = await stat(path)
    if ((!there.isFile() && !there.isDirectory()) || OF_THIS_PROCESS.test(path))
      throw new UserError('missing-file', `cannot read ${path}: it is a pipe or a device, not a file`, {
        where: path,
        hint: 'write what comes out of it to a file, and name that',
      })
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
      for (let done = 0; done < size; ) {
        const { bytesRead } = await file.read(bytes, done, Math.min(STEP, size - done), done)
        if (bytesRead === 0) throw truncated(path)
        done += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  } catch (error) {
    throw explainSystemError(error, path, 'read')
  }
}

function truncated(path: string): UserError {
  return new UserError('bad-data', `${path} became shorter while it was being read`, {
    where: path,
    hint: 'wait until whoever writes it has finished, then run again',
  })
}
