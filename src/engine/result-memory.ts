import { ReusedMemory } from './reused-memory.ts'
import type { Fetched } from './session.ts'

/** Results may be small, and kept: little is lost in rounding up. */
const STEP = 1 << 12

/** Memory that results are read into, and which is used again for later ones when a result was given back. */
export class ResultMemory {
  readonly #memory = new ReusedMemory(STEP)
  /** What results lie in that may be given back. */
  readonly #lent = new WeakSet<ArrayBufferLike>()

  take(bytes: number): Buffer<ArrayBuffer> {
    const memory = this.#memory.take(bytes)
    this.#lent.add(memory.buffer)
    return memory
  }

  /**
   * Takes the memory away from a whole result: whatever still looks at it finds an empty array there, never another
   * result. What did not come from here is left alone.
   */
  giveBack(fetched: Fetched): void {
    for (const { data } of Object.values(fetched)) {
      if (!ArrayBuffer.isView(data) || !this.#lent.delete(data.buffer)) continue
      const memory = data.buffer as ArrayBuffer
      this.#memory.give(Buffer.from(structuredClone(memory, { transfer: [memory] })))
    }
  }
}
