import { expect, test } from 'vitest'
import { type IsolatedSession, serveArrivals } from '../../engine/index.ts'
import { chiSquareSurvival, randomSource } from '../../statistics/index.ts'
import { poissonArrivals } from './arrivals.ts'
import { measureLatency } from './latency.ts'
import { distributionOf, heldLimit, percentilesOf, stoppingBound } from './percentiles.ts'
import { queriesOf } from './scenario.ts'
import { measureServer } from './server.ts'
import { divisions, measureSweep } from './sweep.ts'

const feeds = { x: { dtype: 'float32', dims: [1, 1], data: new Float32Array(1) } } as const

/** A model in virtual time: each call takes what the script says, and nothing else takes any. */
function scripted(msOf: (call: number, model: string) => number) {
  let clock = 0
  const calls = new Map<string, number>()
  const session = (model: string): IsolatedSession => {
    const run = async () => {
      const call = (calls.get(model) ?? 0) + 1
      calls.set(model, call)
      clock += msOf(call, model) * 1e6
    }
    const virtual = {
      now: () => clock,
      waitUntil: (time: number) => {
        clock = Math.max(clock, time)
      },
    }
    const one = async () => {
      const start = clock
      await run()
      return clock - start
    }
    const fake: Partial<IsolatedSession> = {
      loadMs: 5,
      firstMs: 3,
      unpinned: null,
      async timeRuns(_, count, warm = 0) {
        for (let i = 0; i < warm; i++) await one()
        const ns = new Float64Array(count)
        for (let i = 0; i < count; i++) ns[i] = await one()
        return ns
      },
      timeArrivals: (_, arrivals) => serveArrivals(arrivals, run, virtual),
      peakMemory: async () => ({ bytes: 10, how: 'scripted' }),
      close: async () => {},
    }
    return fake as IsolatedSession
  }
  return { session, now: () => clock / 1e6 }
}

const subject = (label: string) => ({ label, model: label })

/** 2 ms, and 10 ms more in every 50th call. */
const stalling = (call: number) => (call % 50 === 0 ? 12 : 2)

test('a stall of 10 ms in every 50th call shows in p99 and not in p90: single-stream', async () => {
  const { session, now } = scripted(stalling)
  const { samples, report } = await measureLatency([subject('a')], feeds, {
    open: async () => session('a'),
    now,
    minRuns: 1000,
    maxSeconds: 60,
  })
  expect(samples[0]!.length).toBeGreaterThanOrEqual(1000)
  expect(report.models[0]).toMatchObject({ p50Ms: 2, p90Ms: 2, p99Ms: 12 })
  expect(stoppingBound(samples[0]!, 0.9)).toMatchObject({ ms: 2, confidence: 0.99 })
  expect(stoppingBound(samples[0]!, 0.99).ms).toBe(12)
})

test.each([0, 1])(
  'blocks do not keep step with stalls, where one call in two is timed (first stall after 50 + %i)',
  async (phase) => {
    const { session, now } = scripted((call) => ((call + phase) % 50 === 0 ? 18 : 8))
    const { samples, report } = await measureLatency([subject('a')], feeds, {
      open: async () => session('a'),
      now,
      generations: 1,
      minRuns: 1000,
      maxSeconds: 60,
    })
    expect(report.models[0]).toMatchObject({ p50Ms: 8, p90Ms: 8, p99Ms: 18 })
    const stalled = samples[0]!.filter((ns) => ns > 10e6).length / samples[0]!.length
    expect(stalled).toBeGreaterThan(0.013)
    expect(stalled).toBeLessThan(0.027)
  },
)

test('and in the server scenario at 25 queries a second, 5 % of the time busy', async () => {
  const { session } = scripted(stalling)
  const { report, samples } = await measureServer([subject('a')], feeds, {
    open: async () => session('a'),
    qps: 25,
    maxSeconds: 80,
    seed: 1,
  })
  const [model] = report.models
  expect(model!.runs).toBe(2000)
  expect(model!.load).toMatchObject({ qps: 25, maxP99Ms: null, valid: null })
  expect(model!.load!.utilization).toBeCloseTo(25 * 0.0022, 2)
  expect(model!.throughput).toBeGreaterThan(23)
  // Now and then a query meets another one; one in fifty meets the stall.
  expect(model!.p90Ms).toBeLessThan(2.5)
  expect(model!.p99Ms).toBeGreaterThan(10)
  expect(Math.max(...samples[0]!)).toBeGreaterThanOrEqual(12e6)
})

test('latency counts from the scheduled arrival: near saturation users wait far longer than the model takes', async () => {
  const { session } = scripted(() => 2)
  const at = async (qps: number) =>
    (await measureServer([subject('a')], feeds, { open: async () => session('a'), qps, maxSeconds: 40, seed: 3 }))
      .report.models[0]!
  const [quiet, busy] = [await at(50), await at(450)]
  // Mean wait of M/D/1: ρ s / 2 (1 − ρ); at ρ = 0.9 that is 9 ms beside 2 ms of service.
  expect(quiet.p50Ms).toBe(2)
  expect(busy.p50Ms).toBeGreaterThan(5)
  expect(busy.p99Ms).toBeGreaterThan(25)
  expect(busy.load!.utilization).toBeGreaterThan(0.8)
})

test('two models get the same arrivals, and their ratio is of the same queries', async () => {
  const { session } = scripted((_, model) => (model === 'a' ? 2 : 1))
  const { report } = await measureServer([subject('a'), subject('b')], feeds, {
    open: async ({ label }) => session(label),
    qps: 5,
    maxSeconds: 200,
  })
  const [ratio] = report.ratios
  expect(ratio).toMatchObject({ base: 'a', other: 'b' })
  expect(ratio!.median).toBeCloseTo(0.5, 1)
  expect(ratio!.ci[1]).toBeLessThan(0.55)
})

test('a load that cannot be kept up with is named, and ends', async () => {
  const { session } = scripted(() => 10)
  const { report } = await measureServer([subject('a')], feeds, {
    open: async () => session('a'),
    qps: 1e6,
    maxSeconds: 4,
  })
  expect(report.warnings.join()).toMatch(/a cannot keep up: 1\.00e\+6 queries\/s arrive, it answers 100/)
  expect(report.models[0]!.runs).toBe(400)
  expect(report.models[0]!.load!.utilization).toBeGreaterThan(0.99)
})

test.each([2, 6])(
  'the highest rate under a limit is found, for each model its own, and holds: seed %i',
  async (seed) => {
    const { session } = scripted((_, model) => (model === 'slow' ? 4 : 1))
    const { report } = await measureServer([subject('slow'), subject('fast')], feeds, {
      open: async ({ label }) => session(label),
      maxP99Ms: 10,
      maxSeconds: 400,
      seed,
    })
    const [slow, fast] = report.models
    expect(report.ratios).toEqual([])
    for (const model of [slow!, fast!]) {
      expect(model.load!.valid).toBe(true)
      expect(model.p99Ms).toBeLessThanOrEqual(10)
    }
    // By the waiting time of M/D/1, P(W > 6 ms) = 1 % at 53 queries a second with 4 ms of service; P(W > 9 ms) = 1 % at
    // 773 with 1 ms. The early-stopping rule vouches for less than that after some thousand queries.
    expect(slow!.load!.qps).toBeGreaterThan(53 * 0.7)
    expect(slow!.load!.qps).toBeLessThan(53 * 1.02)
    expect(fast!.load!.qps).toBeGreaterThan(773 * 0.85)
    expect(fast!.load!.qps).toBeLessThan(773 * 1.02)
  },
)

test('a limit below the model’s own time cannot be kept at any rate', async () => {
  const { session } = scripted(() => 12)
  const { report } = await measureServer([subject('a')], feeds, {
    open: async () => session('a'),
    maxP99Ms: 10,
    maxSeconds: 10,
  })
  expect(report.models[0]!.load).toMatchObject({ qps: 0, valid: false, queries: 0 })
  expect(report.warnings.join()).toMatch(/no rate holds p99 under 10 ms/)
})

test('arrivals are a Poisson process', () => {
  const qps = 250
  const ksOf = (arrivals: Float64Array) => {
    const gaps = Float64Array.from(arrivals, (at, i) => (at - (arrivals[i - 1] ?? 0)) / 1e9).sort()
    return gaps.reduce((worst, gap, i) => {
      const expected = 1 - Math.exp(-qps * gap)
      return Math.max(worst, Math.abs((i + 1) / gaps.length - expected), Math.abs(expected - i / gaps.length))
    }, 0)
  }
  const count = 2000
  // Kolmogorov and Smirnov at 5 %: 1.358 / √n.
  const rejected = (make: (seed: number) => Float64Array) =>
    Array.from({ length: 200 }, (_, seed) => ksOf(make(seed))).filter((d) => d > 1.358 / Math.sqrt(count)).length
  expect(rejected((seed) => poissonArrivals({ qps, count, seed }))).toBeLessThanOrEqual(20)
  // The test can fail: even gaps, and gaps that are uniformly spread, are no Poisson process.
  expect(rejected(() => Float64Array.from({ length: count }, (_, i) => ((i + 1) * 1e9) / qps))).toBe(200)
  const uniform = (seed: number) => {
    const random = randomSource(seed)
    let at = 0
    return Float64Array.from({ length: count }, () => (at += (2 * random.uniform() * 1e9) / qps))
  }
  expect(rejected(uniform)).toBe(200)
  // Counts in windows of the same length: their variance is their mean (χ² of dispersion).
  const arrivals = poissonArrivals({ qps, count: 50_000, seed: 7 })
  const counts = new Float64Array(1000)
  for (const at of arrivals) if (at < 1e11) counts[Math.floor(at / 1e8)]! += 1
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length
  const dispersion = counts.reduce((sum, n) => sum + (n - mean) ** 2, 0) / mean
  expect(mean).toBeCloseTo(25, 0)
  const p = chiSquareSurvival(dispersion, counts.length - 1)
  expect(Math.min(p, 1 - p)).toBeGreaterThan(0.005)
  expect(poissonArrivals({ qps, count: 9, seed: 5 })).toEqual(poissonArrivals({ qps, count: 9, seed: 5 }))
  expect(poissonArrivals({ qps, count: 9, seed: 5 })).not.toEqual(poissonArrivals({ qps, count: 9, seed: 6 }))
  expect(() => poissonArrivals({ qps: 0, count: 1, seed: 0 })).toThrow(RangeError)
})

// Numbers of LoadGen's own early_stopping.cc.
test.each([
  [0.9, 1000, 78, 0.922],
  [0.9, 10000, 930, 0.907],
  [0.9, 24576, 2348, 0.9044596354166666],
  [0.99, 10000, 77, 0.9923],
] as const)('p%f of %i queries may claim the sample with %i above it', (percentile, n, overs, effective) => {
  const ns = Float64Array.from({ length: n }, (_, i) => ((i * 7919) % n) * 1e6)
  const bound = stoppingBound(ns, percentile)
  expect(bound).toMatchObject({ percentile, queries: n, overs, ms: n - 1 - overs })
  expect((n - overs) / n).toBeCloseTo(effective, 12)
  expect(heldLimit(ns, percentile, n - 1 - overs)).toBe(true)
  expect(heldLimit(ns, percentile, n - 2 - overs)).toBe(false)
})

test('too few queries vouch for nothing, but one that is over the limit still breaks it', () => {
  const ns = Float64Array.from({ length: 458 }, () => 1e6)
  expect(stoppingBound(ns, 0.99)).toMatchObject({ overs: null, ms: null, needed: 459 })
  expect(
    stoppingBound(
      Float64Array.from({ length: 43 }, () => 1),
      0.9,
    ),
  ).toMatchObject({ ms: null, needed: 44 })
  expect(heldLimit(ns, 0.99, 2)).toBeNull()
  expect(heldLimit(ns, 0.99, 0.5)).toBe(false)
})

test('percentiles carry intervals, and none that the sample is too small for', () => {
  const ns = Float64Array.from({ length: 200 }, (_, i) => (i + 1) * 1e6)
  const found = percentilesOf(ns)
  expect(found.map(({ percentile }) => percentile)).toEqual([0.5, 0.9, 0.95, 0.99])
  expect(found[0]).toEqual({ percentile: 0.5, ms: 100, ci: [86, 115] })
  expect(found[3]).toMatchObject({ ms: 198, ci: [195, null] })
  const known = (n: number) => percentilesOf(ns.subarray(0, n)).map(({ percentile }) => percentile)
  expect([1, 3, 9].map(known)).toEqual([[0.5], [0.5], [0.5]])
  expect([10, 19, 20].map(known)).toEqual([
    [0.5, 0.9],
    [0.5, 0.9],
    [0.5, 0.9, 0.95],
  ])
  const spread = distributionOf(ns)
  expect([spread.length, spread[0], spread.at(-1)]).toEqual([51, 1, 200])
})

test('a query of eight rows is eight runs where the model takes one', async () => {
  const { session } = scripted((call) => call)
  const query = queriesOf(session('a'), 4)
  expect([...(await query.timeRuns(feeds, 2, 1))]).toEqual([(5 + 6 + 7 + 8) * 1e6, (9 + 10 + 11 + 12) * 1e6])
  expect(query.firstMs).toBe(3)
})

test('the sweep finds the most rows a second within the limit, and what nothing beats', async () => {
  expect(divisions(4).map(({ threads, instances }) => `${threads}x${instances}`)).toEqual([
    ...['1x1', '1x2', '1x4', '2x1', '2x2', '4x1'],
  ])
  const closed: number[] = []
  // 1 ms a run and half a millisecond a row; two threads halve that, two processes get in each other's way a little.
  const open = async (_: unknown, threads: number, instance: number) => {
    const session: Partial<IsolatedSession> = {
      async timeRuns(fed, count) {
        const rows = (fed as typeof feeds).x.dims[0] as number
        return new Float64Array(count).fill(((1 + 0.5 * rows) / threads) * 1e6)
      },
      close: async () => {
        closed.push(instance)
      },
    }
    return session as IsolatedSession
  }
  const byRows = new Map([1, 8].map((rows) => [rows, { x: { ...feeds.x, dims: [rows, 1] } }]))
  const options = { open, feeds: byRows, cores: 2, seconds: 0.01 }
  const { points, best } = await measureSweep([subject('a')], { ...options, maxP99Ms: 2.6 })
  expect(points).toHaveLength(6)
  expect(closed).toEqual([0, 1, 0])
  const key = ({ batch, threads, instances }: (typeof points)[number]) => `${batch}/${threads}/${instances}`
  const rates = Object.fromEntries(points.map((point) => [key(point), Math.round(point.throughput)]))
  expect(rates).toEqual({ '1/1/1': 667, '8/1/1': 1600, '1/1/2': 1333, '8/1/2': 3200, '1/2/1': 1333, '8/2/1': 3200 })
  // The limit is 2.6 ms: eight rows on one thread take 5.
  expect(key(best.a!)).toBe('8/2/1')
  expect(points.filter((point) => point.onFront).map(key)).toEqual(['1/2/1', '8/2/1'])
  expect((await measureSweep([subject('a')], { ...options, maxP99Ms: 0.1 })).best).toEqual({ a: null })
})
