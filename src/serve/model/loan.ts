/** Memory that several look at, and that is used again when the last of them has let it go. */
export class Loan {
  readonly #giveBack: (() => void) | undefined
  #holders = 0

  /** `giveBack` is absent where the memory cannot be used again. */
  constructor(giveBack: (() => void) | undefined) {
    this.#giveBack = giveBack
  }

  /** One more looks at it. Gives what that one calls when done; whoever never does leaves the memory to the collector. */
  hold(): () => void {
    this.#holders++
    let holding = true
    return () => {
      if (!holding) return
      holding = false
      if (--this.#holders === 0) this.#giveBack?.()
    }
  }
}
