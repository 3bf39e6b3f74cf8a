import { mean, orderStatisticInterval, randomSource } from '../../statistics/index.ts'
import { poissonArrivals } from './arrivals.ts'
import { heldLimit } from './percentiles.ts'

/** Queries a second that a model may get, narrowed trial by trial. */
export interface Search {
  /** Held in a trial, or 0. */
  readonly held: number
  /** Did not hold in a trial; at first what the model would answer without a pause, where a queue grows without end. */
  readonly failed: number
  /** Whether `failed` was tried. */
  readonly bounded: boolean
  /** To try next. */
  readonly next: number
}

const PREDICTED_QUERIES = 20_000

/**
 * Where to look, by arithmetic: with service times drawn from those that were measured (nanoseconds) and random
 * arrivals, each query waits for the one before (Lindley's recursion: wait' = max(0, wait + service − gap)). Trials then
 * tell what the machine really does.
 */
export function startSearch(service: Float64Array, maxP99Ms: number, seed: number): Search {
  const capacity = 1e9 / mean(service)
  let low = 0
  let high = capacity
  for (let step = 0; step < 12; step++) {
    const middle = (low + high) / 2
    if (predictedP99(service, middle, seed) <= maxP99Ms * 1e6) low = middle
    else high = middle
  }
  return { held: 0, failed: capacity, bounded: false, next: low > 0 ? low : capacity / 100 }
}

function predictedP99(service: Float64Array, qps: number, seed: number): number {
  const random = randomSource(seed + 1)
  const arrivals = poissonArrivals({ qps, count: PREDICTED_QUERIES, seed })
  const latency = new Float64Array(PREDICTED_QUERIES)
  let free = 0
  for (let i = 0; i < latency.length; i++) {
    const at = arrivals[i] as number
    free = Math.max(free, at) + (service[random.below(service.length)] as number)
    latency[i] = free - at
  }
  return orderStatisticInterval({ values: latency, percentile: 0.99 }).value
}

/** What a trial says: the share over the limit, since a short trial has too few queries for the early-stopping rule. */
export function narrowed(search: Search, latency: Float64Array, maxP99Ms: number): Search {
  const { next, held, failed, bounded } = search
  const overs = latency.reduce((sum, ns) => sum + (ns > maxP99Ms * 1e6 ? 1 : 0), 0)
  if (overs <= 0.01 * latency.length) {
    const middle = (next + failed) / 2
    return { ...search, held: next, next: bounded ? middle : Math.min(middle, next * 1.15) }
  }
  return { held, failed: next, bounded: true, next: held > 0 ? (held + next) / 2 : next * 0.8 }
}

/** The rate to fall back to where the full run at `qps` broke the limit after all. */
export const lowered = (qps: number): number => qps * 0.93

/** Whether the full run may stand: held, or too short to tell. */
export const stands = (latency: Float64Array, maxP99Ms: number): boolean => heldLimit(latency, 0.99, maxP99Ms) !== false
