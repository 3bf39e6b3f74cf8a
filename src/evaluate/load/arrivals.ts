import { randomSource } from '../../statistics/index.ts'

/**
 * Arrival times of `count` queries of a Poisson process: independent exponential gaps of mean 1 / qps, by inversion.
 * The same seed gives the same arrivals, so that several models are asked at the same moments.
 *
 * @returns Nanoseconds from the start, ascending.
 * @throws RangeError where `qps` is not a positive number.
 */
export function poissonArrivals({
  qps,
  count,
  seed,
}: {
  readonly qps: number
  readonly count: number
  readonly seed: number
}): Float64Array {
  if (!(qps > 0) || !Number.isFinite(qps)) throw new RangeError(`arrivals need a positive rate, not ${qps}`)
  const random = randomSource(seed)
  let at = 0
  return Float64Array.from({ length: count }, () => {
    at += (-Math.log1p(-random.uniform()) / qps) * 1e9
    return at
  })
}
