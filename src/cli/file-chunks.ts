import { closeSync, openSync, readSync, statSync } from 'node:fs'

const CHUNK = 1 << 20

/** A file piece by piece; nothing where there is none. */
export function* chunks(path: string): Generator<Uint8Array> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK)
      const read = readSync(fd, buffer, 0, CHUNK, null)
      if (read === 0) return
      yield buffer.subarray(0, read)
    }
  } finally {
    closeSync(fd)
  }
}

/** `length` bytes of a file from `from` on, or as many as there are. */
export function bytesAt(path: string, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const fd = openSync(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const read = readSync(fd, bytes, done, length - done, from + done)
      if (read === 0) return bytes.subarray(0, done)
      done += read
    }
    return bytes
  } finally {
    closeSync(fd)
  }
}
