import type { TimingPurpose } from '../recipe/index.ts'
import type { ComparisonReport, LatencyOf, OptimizationReport } from '../report/index.ts'
import { timedOf } from './trial.ts'

/** What is known of the original so far. */
export class Baseline {
  readonly #bytes: number
  #figures: OptimizationReport['baseline'] | undefined
  #scoredRows = 0

  /** @param bytes Size of the file. */
  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Undefined until it was timed. */
  get figures(): OptimizationReport['baseline'] | undefined {
    return this.#figures
  }

  /** The first timing stands, but what is handed out is held against the original of its own run. */
  timed(latency: LatencyOf, purpose: TimingPurpose): void {
    // The machine may have been faster or slower before.
    if (this.#figures && purpose !== 'confirm') return
    const timed = timedOf(latency)
    this.#figures = this.#figures
      ? { ...this.#figures, ...timed }
      : { bytes: this.#bytes, ...timed, metric: null, metricName: 'agreement' }
  }

  /** Its own score, from the most rows that it was seen on. */
  scored({ base, metric, n }: ComparisonReport): void {
    if (n < this.#scoredRows) return
    this.#scoredRows = n
    if (this.#figures) this.#figures = { ...this.#figures, metric: base.value, metricName: metric, judgedRows: n }
  }
}
