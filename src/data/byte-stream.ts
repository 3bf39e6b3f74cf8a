/** Takes exact numbers of bytes from chunks of any size; holds one chunk at a time. */
export interface ByteStream {
  /** The next `length` bytes; a view where one chunk holds them all. Null where the stream ends before. */
  take(length: number): Promise<Uint8Array | null>
  /** Passes over `length` bytes; false where the stream ends before. */
  skip(length: number): Promise<boolean>
  /** Reads what is left to its end, so that a check at the end of the source runs. */
  drain(): Promise<void>
  /** Stops the source. */
  close(): Promise<void>
}

/** A ByteStream over chunks. */
export function byteStream(chunks: AsyncGenerator<Uint8Array>): ByteStream {
  let rest = new Uint8Array(0) as Uint8Array
  const refill = async () => {
    const next = await chunks.next()
    rest = next.done ? new Uint8Array(0) : next.value
    return !next.done
  }
  return {
    async take(length) {
      if (rest.length >= length) {
        const taken = rest.subarray(0, length)
        rest = rest.subarray(length)
        return taken
      }
      const taken = new Uint8Array(length)
      let filled = 0
      while (filled < length) {
        if (rest.length === 0 && !(await refill())) return null
        const piece = rest.subarray(0, length - filled)
        taken.set(piece, filled)
        filled += piece.length
        rest = rest.subarray(piece.length)
      }
      return taken
    },
    async skip(length) {
      let left = length
      while (left > 0) {
        if (rest.length === 0 && !(await refill())) return false
        const step = Math.min(left, rest.length)
        rest = rest.subarray(step)
        left -= step
      }
      return true
    },
    async drain() {
      while (await refill());
    },
    async close() {
      await chunks.return(undefined)
    },
  }
}
