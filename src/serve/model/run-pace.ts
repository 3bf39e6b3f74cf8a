/** Share of the newest run in what is known of all. */
const NEWEST = 0.1
/** Half of the runs take longer than usual; few take so much longer. */
const LONGER = 1.25

/** How long runs of a model take, smoothed over the last ones, to foretell the next. All in milliseconds. */
export class RunPace {
  /** What a request takes of a lane. */
  #perRequest = 1
  /** From the start of a run to its end, for a byte of its inputs; 0 before the first. */
  #perByte = 0

  note(run: { readonly requests: number; readonly bytes: number; readonly totalMs: number; readonly failed: boolean }) {
    const { requests, bytes, totalMs, failed } = run
    this.#perRequest += NEWEST * (totalMs / requests - this.#perRequest)
    if (failed) return
    const now = totalMs / Math.max(1, bytes)
    const before = this.#perByte
    // A machine that stood still for a minute says nothing of the next run.
    this.#perByte = before === 0 ? now : before + NEWEST * (Math.min(now, 2 * before) - before)
  }

  /** What a run of so many bytes may well take. */
  ofRun(bytes: number): number {
    return LONGER * this.#perByte * bytes
  }

  /** What so many requests take of as many lanes. */
  ofQueue(requests: number, lanes: number): number {
    return (requests * this.#perRequest) / Math.max(1, lanes)
  }
}
