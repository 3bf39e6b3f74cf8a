/** Lets `perSecond` through on average, and up to `burst` at once. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(perSecond: number, burst: number, now = performance.now()) {
    this.#perSecond = perSecond
    this.#burst = Math.max(1, burst)
    this.#tokens = this.#burst
    this.#at = now
  }

  /** 0 where one may go, else the milliseconds until the next may. */
  take(now = performance.now()): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return 0
    }
    return ((1 - this.#tokens) / this.#perSecond) * 1000
  }
}
