/** Works that go on beside one another, parts of which need the machine for themselves: measurements. */
export class SharedMachine {
  #beside = 0
  #wantAlone = 0
  #alone = false
  #waiting: (() => void)[] = []

  /** Works beside others, once nobody wants to be alone. */
  async beside<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone || this.#wantAlone > 0) await this.#change()
    this.#beside++
    try {
      return await work()
    } finally {
      this.#beside--
      this.#changed()
    }
  }

  /** Within such a work: a part of it, when all others have come to such a part themselves or to their end. */
  async alone<T>(part: () => Promise<T>): Promise<T> {
    this.#beside--
    this.#wantAlone++
    this.#changed()
    while (this.#alone || this.#beside > 0) await this.#change()
    this.#wantAlone--
    this.#alone = true
    try {
      return await part()
    } finally {
      this.#alone = false
      this.#beside++
      this.#changed()
    }
  }

  /** Whoever waits looks again, and takes its turn before the next one looks. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #changed(): void {
    for (const look of this.#waiting.splice(0)) look()
  }
}
