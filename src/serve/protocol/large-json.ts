import { type ByteTensor, bytesIn } from '../../engine/index.ts'
import { elementCount } from '../../ir/index.ts'
import { openWorkerPool, siblingModule, type WorkerPool } from '../../platform/index.ts'
import type { Departure } from '../departure.ts'
import { ServeError } from '../serve-error.ts'
import type { ReadHead } from './json-thread.ts'
import type { Head } from './read-request.ts'

/** From here on JSON is read on the thread: a megabyte takes longer than a trip there and back by far. */
export const LARGE_TEXT_BYTES = 1 << 18
/** The same for tensors that are written, in elements. */
const LARGE_ELEMENTS = 1 << 14
/** After so much the thread goes, and its heap with it: it would keep that for good. */
const HEAVY_BYTES = 1 << 25

/**
 * Large JSON, read and written on a thread: done where requests are answered, a hundred megabytes of it would hold up
 * everybody, health too, for seconds. One after another, because read JSON takes several times the memory of its text.
 */
export class LargeJson {
  #pool: WorkerPool | null = null
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  /**
   * What the JSON of a request says; its memory goes with it.
   *
   * @throws ServeError as `readHead`, `cancelled` where nobody waits any more when its turn comes.
   */
  async readHead(text: Uint8Array<ArrayBuffer>, departure: Departure | undefined): Promise<Head> {
    const read = await this.#inTurn(text.byteLength, (pool) => {
      if (departure?.gone) throw new ServeError('cancelled', 'the client has gone')
      return pool.run<Uint8Array, ReadHead>('readHeadOf', text, [text.buffer])
    })
    if ('refused' in read) throw new ServeError(read.refused.code, read.refused.message)
    return read.head
  }

  /** The elements of each large tensor as JSON. */
  async write(tensors: readonly ByteTensor[]): Promise<ReadonlyMap<ByteTensor, Uint8Array>> {
    const written = new Map<ByteTensor, Uint8Array>()
    for (const tensor of tensors) {
      const elements = elementCount(tensor.dims)
      if (elements < LARGE_ELEMENTS) continue
      const bytes = bytesIn(tensor.pieces)
      written.set(tensor, await this.#inTurn(bytes, (pool) => pool.run<ByteTensor, Uint8Array>('writeDataOf', tensor)))
    }
    return written
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#end()
  }

  #inTurn<T>(bytes: number, work: (pool: WorkerPool) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      if (this.#closed) throw new ServeError('unavailable', 'the server is stopping')
      this.#pool ??= openWorkerPool(siblingModule(import.meta.url, 'json-thread'), 1)
      try {
        return await work(this.#pool)
      } catch (error) {
        if (this.#closed) throw new ServeError('unavailable', 'the server is stopping')
        throw error
      } finally {
        if (bytes >= HEAVY_BYTES) await this.#end()
      }
    })
    this.#last = turn.catch(() => {})
    return turn
  }

  async #end(): Promise<void> {
    const pool = this.#pool
    this.#pool = null
    await pool?.close()
  }
}
