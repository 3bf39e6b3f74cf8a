import { ServeError } from './serve-error.ts'

/** What every request may hold uncounted: small ones are never refused because of large ones. */
const FREE_BYTES = 1 << 16

/**
 * The memory of requests: bodies as they come, what they inflate to, tensors that are made of them, and answers that
 * are not taken yet. One request alone is bounded by the largest body; this bounds all of them together.
 */
export class BodyBudget {
  readonly limit: number
  #held = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Bytes that requests hold now, beyond those that are free. */
  get held(): number {
    return this.#held
  }

  /** The bytes of one request. */
  open(): Holding {
    return new Holding((more, own) => {
      // Whoever is alone gets what a single request may have, however small the whole is.
      if (more > 0 && this.#held > own && this.#held + more > this.limit)
        throw new ServeError('too-many', 'the requests under way hold as much memory as they may; try again', {
          retryAfter: 1,
        })
      this.#held += more
    })
  }
}

/** Bytes that one request holds. */
export class Holding {
  readonly #count: (more: number, own: number) => void
  #bytes = 0
  #closed = false

  constructor(count: (more: number, own: number) => void) {
    this.#count = count
  }

  /** @throws ServeError `too-many` where all requests together would hold too much. */
  take(bytes: number): void {
    if (this.#closed) return
    const own = counted(this.#bytes)
    this.#count(counted(this.#bytes + bytes) - own, own)
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.take(-bytes)
  }

  /** Gives all back; what is taken later counts no more, since whoever asked has gone. */
  close(): void {
    this.give(this.#bytes)
    this.#closed = true
  }
}

const counted = (bytes: number): number => Math.max(0, bytes - FREE_BYTES)
