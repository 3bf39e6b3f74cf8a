import { closeSync, openSync, readSync, statSync } from 'node:fs'

/** IEEE 754 binary16 as numbers. */
export function halves(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const exponent = (half >> 10) & 31
    const fraction = half & 1023
    const size =
      exponent === 31
        ? fraction
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25)
    return half >> 15 ? -size : size
  })
}

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

/** `length` bytes of a file from `offset` on, fewer where it ends before. */
export function bytesAt(path: string, offset: number, length: number): Uint8Array {
  const fd = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(length)
    let filled = 0
    for (let read = -1; read !== 0 && filled < length; filled += read)
      read = readSync(fd, buffer, filled, length - filled, offset + filled)
    return buffer.subarray(0, filled)
  } finally {
    closeSync(fd)
  }
}
