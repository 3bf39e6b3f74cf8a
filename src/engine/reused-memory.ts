/** What is kept for later use; beyond it, memory is left to the collector. */
const KEPT_BYTES = 64 << 20
/** What sizes are rounded up to a multiple of. */
const STEP = 1 << 16

/**
 * Memory for large answers that is used again when nobody looks at it any more. A new buffer of a megabyte for each
 * answer costs more than the answer: the system clears its pages, and every few dozen the collector marks the whole heap.
 */
export class ReusedMemory {
  readonly #free: Buffer<ArrayBuffer>[] = []
  readonly #step: number
  #bytes = 0

  /** Sizes are rounded up to a multiple of `step`, so that answers of nearly one size share memory. */
  constructor(step = STEP) {
    this.#step = step
  }

  /** Memory of at least so many bytes, whatever they hold. */
  take(bytes: number): Buffer<ArrayBuffer> {
    const index = this.#free.findLastIndex(
      ({ byteLength }) => byteLength >= bytes && byteLength < 2 * bytes + this.#step,
    )
    if (index < 0) return Buffer.allocUnsafeSlow(Math.ceil(bytes / this.#step) * this.#step)
    const [memory] = this.#free.splice(index, 1) as [Buffer<ArrayBuffer>]
    this.#bytes -= memory.byteLength
    return memory
  }

  /** Nobody reads or writes it any more. */
  give(memory: Buffer<ArrayBuffer>): void {
    if (this.#bytes + memory.byteLength > KEPT_BYTES) return
    this.#free.push(memory)
    this.#bytes += memory.byteLength
  }
}
