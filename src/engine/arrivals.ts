/** Nanoseconds from any origin, and a way to let time pass. */
export interface LoadClock {
  now(): number
  /** Returns at `time` or a little later; at once where it is over. */
  waitUntil(time: number): void
}

/** How long queries of a schedule took. */
export interface Served {
  /** Nanoseconds from the scheduled arrival to the answer, query by query. */
  readonly latency: Float64Array
  /** Nanoseconds that the answer itself took. */
  readonly service: Float64Array
}

/**
 * Answers one query after the other, none before its scheduled arrival. A query that comes while another is being
 * answered waits, and its wait counts: latency is measured from the schedule and not from the moment when somebody got
 * around to it, so a stall shows in every query that it made late.
 *
 * Source: MLPerf Inference rules, server scenario; G. Tene on "coordinated omission".
 *
 * @param arrivals Nanoseconds after the start, ascending.
 */
export async function serveArrivals(
  arrivals: Float64Array,
  answer: () => Promise<void>,
  clock: LoadClock,
): Promise<Served> {
  const latency = new Float64Array(arrivals.length)
  const service = new Float64Array(arrivals.length)
  const start = clock.now()
  for (let i = 0; i < arrivals.length; i++) {
    const scheduled = start + (arrivals[i] as number)
    clock.waitUntil(scheduled)
    const begun = clock.now()
    await answer()
    const ended = clock.now()
    service[i] = ended - begun
    latency[i] = ended - scheduled
  }
  return { latency, service }
}
