/**
 * Tells that nobody waits for an answer any more. An AbortSignal would do the same, and costs more than the rest of a
 * small request's bookkeeping.
 */
export class Departure {
  /** When the last who waits will give up, by the clock of `performance`, as far as whoever made this knows. */
  until = Number.POSITIVE_INFINITY
  #gone = false
  #listener: (() => void) | null = null

  get gone(): boolean {
    return this.#gone
  }

  /** One listener at a time; null takes it away. */
  listen(listener: (() => void) | null): void {
    this.#listener = listener
  }

  leave(): void {
    if (this.#gone) return
    this.#gone = true
    this.#listener?.()
  }
}
