/** Share of the newest run in what is known of all. */
const NEWEST = 0.1
/** Half of the runs take longer than usual; few take so much longer. */
const LONGER = 1.25
/** What is older than this is not held against a request: the machine may have been busy then. */
const REMEMBERED_MS = 30_000

/** Milliseconds from the start of a run to its end, for a byte of its inputs, and when that was last seen. */
interface Pace {
  readonly perByte: number
  readonly at: number
}

/** How long runs of a model take, smoothed over the last ones, to foretell the next. All in milliseconds. */
export class RunPace {
  /** What a request takes of a lane. */
  #perRequest = 1
  /**
   * By the size of their inputs, in powers of two: the way to the lane is most of a small run and little of a large one,
   * so neither tells what a byte of the other takes.
   */
  readonly #paces = new Map<number, Pace>()

  note(run: { readonly requests: number; readonly bytes: number; readonly totalMs: number; readonly failed: boolean }) {
    const { requests, bytes, totalMs, failed } = run
    this.#perRequest += NEWEST * (totalMs / requests - this.#perRequest)
    if (failed) return
    const size = sizeOf(bytes)
    const perByte = totalMs / Math.max(1, bytes)
    const before = this.#fresh(size)
    // A machine that stood still for a minute says nothing of the next run.
    const now = before ? before.perByte + NEWEST * (Math.min(perByte, 2 * before.perByte) - before.perByte) : perByte
    this.#paces.set(size, { perByte: now, at: performance.now() })
  }

  /** What a run of so many bytes may well take; where none of its size is known, what the next smaller ones take. */
  ofRun(bytes: number): number {
    for (let size = sizeOf(bytes); size >= 0; size--) {
      const pace = this.#fresh(size)
      if (pace) return LONGER * pace.perByte * Math.min(Math.max(1, bytes), 2 ** size)
    }
    return 0
  }

  #fresh(size: number): Pace | null {
    const pace = this.#paces.get(size)
    return pace && performance.now() - pace.at < REMEMBERED_MS ? pace : null
  }

  /** What so many requests take of as many lanes. */
  ofQueue(requests: number, lanes: number): number {
    return (requests * this.#perRequest) / Math.max(1, lanes)
  }
}

/** 0 for one byte and none, 1 for two, 2 for three and four, …: the power of two that bounds it. */
const sizeOf = (bytes: number): number => Math.ceil(Math.log2(Math.max(1, bytes)))
