import { closeSync, fstatSync, openSync, readSync, unlinkSync, writevSync } from 'node:fs'
import { join } from 'node:path'

/** Where the system keeps files in memory alone; elsewhere tensors travel on the line. */
const MEMORY_FOLDER = '/dev/shm'
/** More than this is not kept on its way to either end: what does not fit travels on the line. */
const LIMIT_BYTES = 32 << 20
/** Places begin on whole pages: the system copies those fastest. */
const PAGE = 4096

/**
 * Memory that two processes share: a file without a name in the system's memory. One write here and one read there take
 * a tenth of what a socket takes, which holds some 200 KB and then waits for the other end, and that is in a run. Each
 * end writes into a half of its own, reads from the other's, and tells with its next message what it has read.
 */
export class SharedPages {
  readonly fd: number
  readonly #from: number
  readonly #limit: number
  /** Places that the other end may still read, by where they begin. */
  readonly #taken: { readonly at: number; readonly end: number }[] = []
  /** Places of the other end that were read, which it does not know yet. */
  #read: number[] = []

  private constructor(fd: number, from: number, limit: number) {
    this.fd = fd
    this.#from = from
    this.#limit = limit
  }

  /** null where the system has no such files, or does not give one. */
  static open(limit = LIMIT_BYTES): SharedPages | null {
    if (process.platform !== 'linux') return null
    const path = join(MEMORY_FOLDER, `whetstone-${process.pid}-${performance.now()}-${Math.random()}`)
    try {
      const fd = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
      return new SharedPages(fd, 0, limit)
    } catch {
      return null
    }
  }

  /** The half of the process that got the descriptor; null where it got none: then that is something else or nothing. */
  static otherHalf(fd: number, limit = LIMIT_BYTES): SharedPages | null {
    return isNameless(fd) ? new SharedPages(fd, limit, limit) : null
  }

  /** Puts bytes at the lowest place that is free, and says where; null where there is no room for them. */
  put(pieces: readonly Uint8Array[], bytes: number): number | null {
    let at = this.#from
    let index = 0
    for (; index < this.#taken.length; index++) {
      const { at: next, end } = this.#taken[index]!
      if (at + bytes <= next) break
      at = Math.ceil(end / PAGE) * PAGE
    }
    if (at + bytes > this.#from + this.#limit) return null
    try {
      if (!wrote(this.fd, pieces, at, bytes)) return null
    } catch {
      // The system's memory for files is full.
      return null
    }
    this.#taken.splice(index, 0, { at, end: at + bytes })
    return at
  }

  /** Reads what the other end put at `at` into `memory`, by default memory of its own, and gives that part of it. */
  read(at: number, bytes: number, memory = Buffer.allocUnsafeSlow(bytes)): Buffer {
    for (let done = 0; done < bytes; ) {
      const count = readSync(this.fd, memory, done, bytes - done, at + done)
      if (count === 0) throw new Error('internal: shared pages end before the tensors do')
      done += count
    }
    this.#read.push(at)
    return memory.subarray(0, bytes)
  }

  /** What a message to the other end says of these pages: the places that were read since the last one. */
  news(): { readonly freed?: readonly number[] } {
    if (this.#read.length === 0) return {}
    const freed = this.#read
    this.#read = []
    return { freed }
  }

  /** The other end has read what begins at these places. */
  free(places: readonly number[]): void {
    for (const at of places) {
      const index = this.#taken.findIndex((place) => place.at === at)
      if (index >= 0) this.#taken.splice(index, 1)
    }
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** A system takes some 1024 pieces in one call. */
const MOST_PIECES = 1000

function wrote(fd: number, pieces: readonly Uint8Array[], at: number, bytes: number): boolean {
  let done = 0
  for (let from = 0; from < pieces.length; from += MOST_PIECES)
    done += writevSync(fd, pieces.slice(from, from + MOST_PIECES), at + done)
  return done === bytes
}

function isNameless(fd: number): boolean {
  try {
    const status = fstatSync(fd)
    return status.isFile() && status.nlink === 0
  } catch {
    return false
  }
}
