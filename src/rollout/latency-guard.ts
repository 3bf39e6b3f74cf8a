import { orderStatisticInterval } from '../statistics/index.ts'

/** Share of the baseline's requests above its percentile, and of the pairs in which the candidate alone may be slow. */
export const ABOVE = 0.05
const BLOCK = 256
const CONFIDENCE = 0.99

/** What is slow, learnt from the baseline a block of requests at a time. */
export interface LatencyGuard {
  readonly block: readonly number[]
  /** Milliseconds; null before the first block is full. */
  readonly limitMs: number | null
}

export const noLatencies: LatencyGuard = { block: [], limitMs: null }

/**
 * Takes a latency of the baseline. When a block is full, the limit for the requests after it is `maxSlowdown` times the
 * upper end of the order-statistic interval of its 95th percentile: it depends on the past alone, so a process that
 * counts how often the candidate exceeds it may be looked at at any time.
 */
export function learnLatency(guard: LatencyGuard, ms: number, maxSlowdown: number): LatencyGuard {
  const block = [...guard.block, ms]
  if (block.length < BLOCK) return { ...guard, block }
  const { value, ci } = orderStatisticInterval({ values: block, percentile: 1 - ABOVE, confidence: CONFIDENCE })
  return { block: [], limitMs: maxSlowdown * (ci[1] ?? value) }
}
