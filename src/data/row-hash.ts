import type { Column } from './dataset.ts'

/** 53 bits from two multiplicative hashes (FNV-1a over words, with two primes): enough to tell millions of rows. */
export class RowHash {
  #low = 0x811c9dc5
  #high = 0x9747b28c

  add({ data, dims }: Column, row: number, rows: number): void {
    for (const dim of dims.slice(1)) this.#word(dim)
    const size = data.length / rows
    const part = data.slice(row * size, (row + 1) * size)
    if (!ArrayBuffer.isView(part)) {
      for (const text of part) {
        this.#word(text.length)
        for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i))
      }
      return
    }
    const words = part.BYTES_PER_ELEMENT >= 4 ? new Uint32Array(part.buffer) : new Uint8Array(part.buffer)
    for (let i = 0; i < words.length; i++) this.#word(words[i]!)
  }

  #word(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193)
    this.#low ^= this.#low >>> 15
    this.#high = Math.imul(this.#high ^ word, 0x85ebca6b)
    this.#high ^= this.#high >>> 13
  }

  get value(): number {
    return (this.#high >>> 0) * 2 ** 21 + ((this.#low >>> 0) & (2 ** 21 - 1))
  }
}
