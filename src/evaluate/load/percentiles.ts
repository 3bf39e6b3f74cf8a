import type { LatencyOf } from '../../report/index.ts'
import { allowedOvers, earlyStopping, orderStatisticInterval } from '../../statistics/index.ts'

/** The confidence of the early-stopping rule in MLPerf. */
const STOPPING_CONFIDENCE = 0.99

const PERCENTILES = [0.5, 0.9, 0.95, 0.99, 0.999]
const QUANTILES = 50

/**
 * Percentiles in milliseconds with their distribution-free intervals of 95 %, from nanoseconds of every query; those
 * that a query lies beyond.
 *
 * @throws RangeError without any query.
 */
export function percentilesOf(ns: Float64Array): NonNullable<LatencyOf['percentiles']> {
  const known = PERCENTILES.filter((percentile) => percentile === 0.5 || Math.ceil(percentile * ns.length) < ns.length)
  return known.map((percentile) => {
    const { value, ci } = orderStatisticInterval({ values: ns, percentile })
    return { percentile, ms: value / 1e6, ci: [toMs(ci[0]), toMs(ci[1])] as const }
  })
}

const toMs = (ns: number | null) => (ns === null ? null : ns / 1e6)

/**
 * The latency that a run of n queries lets one claim for a percentile: the sample with `overs` samples above it, where
 * `overs` is the most that the early-stopping rule allows for n.
 */
export function stoppingBound(ns: Float64Array, percentile: number): NonNullable<LatencyOf['bound']> {
  const confidence = STOPPING_CONFIDENCE
  const queries = ns.length
  const overs = allowedOvers({ percentile, confidence, n: queries })
  const sorted = Float64Array.from(ns).sort()
  return {
    percentile,
    confidence,
    queries,
    overs,
    ms: overs === null ? null : (sorted[queries - 1 - overs] as number) / 1e6,
    needed: earlyStopping({ percentile, confidence, overs: 0 }),
  }
}

/** Whether a limit held under the early-stopping rule; null where there were too few queries to say. */
export function heldLimit(ns: Float64Array, percentile: number, limitMs: number): boolean | null {
  const allowed = allowedOvers({ percentile, confidence: STOPPING_CONFIDENCE, n: ns.length })
  const overs = ns.reduce((sum, value) => sum + (value > limitMs * 1e6 ? 1 : 0), 0)
  if (allowed !== null) return overs <= allowed
  return overs > 0 ? false : null
}

/** Milliseconds at evenly spaced quantiles, the least and the most included. */
export function distributionOf(ns: Float64Array): readonly number[] {
  const sorted = Float64Array.from(ns).sort()
  return Array.from(
    { length: QUANTILES + 1 },
    (_, i) => (sorted[Math.round((i / QUANTILES) * (sorted.length - 1))] as number) / 1e6,
  )
}
