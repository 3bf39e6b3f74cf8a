import { expect, test } from 'vitest'
import type { IsolatedSession } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { type LatencyOptions, measureLatency } from './latency.ts'

const feeds = { x: { dtype: 'float32', dims: [4, 1], data: new Float32Array(4) } } as const

/** Sessions that take scripted times; `log` holds who ran, block by block. */
function scripted(msOf: Record<string, (run: number, clock: number) => number>) {
  const log: string[] = []
  const opened: string[] = []
  const closed: string[] = []
  let clock = 0
  const open: LatencyOptions['open'] = async (model) => {
    const name = model as string
    let run = 0
    const generation = opened.filter((other) => other === name).length
    opened.push(name)
    const session: Partial<IsolatedSession> = {
      loadMs: [40, 10, 12][generation % 3] as number,
      firstMs: 3,
      pid: 1,
      async timeRuns(_, count, warm = 0) {
        log.push(name)
        const one = () => {
          const ms = (msOf[name] as (run: number, clock: number) => number)(run++, clock)
          clock += ms
          return ms * 1e6
        }
        for (let i = 0; i < warm; i++) one()
        return Float64Array.from({ length: count }, one)
      },
      peakMemory: async () => ({ bytes: 1234, how: 'scripted' }),
      close: async () => {
        closed.push(name)
      },
    }
    return session as IsolatedSession
  }
  return { log, opened, closed, options: { open, now: () => clock }, last: () => log.at(-2) }
}
const subjects = (...names: string[]) => names.map((name) => ({ label: name, model: name }))

test('goes A B C, C B A, B C A, A C B … and gives the ratio to the first', async () => {
  const { log, opened, closed, options } = scripted({ a: () => 2, b: () => 1, c: () => 4 })
  const { report, rounds } = await measureLatency(subjects('a', 'b', 'c'), feeds, options)
  expect(rounds).toBe(60)
  expect(log.slice(-18).join('')).toBe('abccbabcaacbcabbac')
  // Three generations of processes; the middle one of the three loads counts.
  expect(opened.join('')).toBe('abcabcabc')
  expect(report.ratios).toEqual([
    { base: 'a', other: 'b', median: 0.5, ci: [0.5, 0.5] },
    { base: 'a', other: 'c', median: 2, ci: [2, 2] },
  ])
  // Blocks of 5 ms for the middle one, 2 ms a run: 3 runs in each of 60 rounds, the warm ones not counted. 4 rows in 2 ms.
  expect(report.models[0]).toEqual({
    path: 'a',
    p50Ms: 2,
    p90Ms: 2,
    p99Ms: 2,
    throughput: 2000,
    loadMs: 12,
    firstMs: 3,
    peakRssBytes: 1234,
    peakRssBytesRange: [1234, 1234],
    runs: 180,
  })
  expect(closed).toEqual(opened)
})

test('drift that meets both alike leaves the ratio alone', async () => {
  // The machine slows down to a third within the measurement; every round meets it in the other order.
  const slower = (ms: number) => (_: number, clock: number) => ms * (1 + clock / 500)
  const { options } = scripted({ a: slower(1), b: slower(0.8) })
  const { report } = await measureLatency(subjects('a', 'b'), feeds, options)
  const [ratio] = report.ratios
  expect(report.models[0]?.p99Ms).toBeGreaterThan(2 * (report.models[0]?.p50Ms ?? 0) * 0.75)
  expect(Math.abs((ratio?.median ?? 0) - 0.8)).toBeLessThan(0.02)
  expect(ratio?.ci[0]).toBeGreaterThan(0.5)
  expect(ratio?.ci[1]).toBeLessThan(1)
})

test('whoever ended the round before runs hot in the next: that advantage cancels out', async () => {
  const { options, last } = scripted({ a: () => (last() === 'a' ? 1 : 1.2), b: () => (last() === 'b' ? 1 : 1.2) })
  const { report } = await measureLatency(subjects('a', 'b'), feeds, options)
  expect(report.ratios[0]?.median).toBeCloseTo(1, 12)
  expect(report.ratios[0]?.ci[0]).toBeCloseTo(1, 12)
  expect(report.ratios[0]?.ci[1]).toBeCloseTo(1, 12)
})

test('with three, nobody stands at the ends more often than another', async () => {
  const hot = (name: string) => () => (run.last() === name ? 1 : 1.2)
  const run = scripted({ a: hot('a'), b: hot('b'), c: hot('c') })
  const { report } = await measureLatency(subjects('a', 'b', 'c'), feeds, { ...run.options, minRounds: 180 })
  for (const ratio of report.ratios) expect(ratio.median).toBeCloseTo(1, 12)
})

test('stalls in some blocks do not move the median, and show in p99', async () => {
  const { options } = scripted({ a: () => 1, b: (run) => (run % 17 === 0 ? 50 : 1) })
  const { report } = await measureLatency(subjects('a', 'b'), feeds, options)
  expect(report.ratios[0]).toMatchObject({ median: 1, ci: [1, 1] })
  expect(report.models[1]?.p50Ms).toBe(1)
  expect(report.models[1]?.p99Ms).toBe(50)
})

test('what other processes took of the processor is not the model’s: ratios go by processor time, percentiles do not', async () => {
  // Nearly every run is interrupted, for up to ten times as long as it takes.
  let state = 2
  const waiting = () => {
    state = (state * 48271) % 2147483647
    return (10 * state) / 2147483647
  }
  const of = async (told: boolean) => {
    const { options } = scripted({ a: () => 1, b: () => 0.8 })
    const open: LatencyOptions['open'] = async (model, given) => {
      const session = await options.open!(model, given)
      let ranNs: number | null = null
      return {
        ...session,
        get ranNs() {
          return ranNs
        },
        async timeRuns(feeds, count, warm) {
          const ns = await session.timeRuns(feeds, count, warm)
          ranNs = told ? ns.reduce((sum, one) => sum + one, 0) : null
          return ns.map((one) => one * (1 + waiting()))
        },
      }
    }
    return (await measureLatency(subjects('a', 'b'), feeds, { ...options, open, maxSeconds: 1 })).report
  }
  const [blind, told] = [await of(false), await of(true)]
  expect(told.ratios[0]!.median).toBeCloseTo(0.8, 12)
  expect(told.ratios[0]!.ci[1] - told.ratios[0]!.ci[0]).toBeLessThan(1e-9)
  expect(blind.ratios[0]!.ci[1] - blind.ratios[0]!.ci[0]).toBeGreaterThan(0.05)
  expect(told.models[0]!.p50Ms).toBeGreaterThan(2)
})

test('goes on while the interval is wide, stops when the time is up, and says so', async () => {
  let state = 2
  const noisy = () => {
    state = (state * 48271) % 2147483647
    return 1 + state / 2147483647
  }
  const { options } = scripted({ a: noisy, b: noisy })
  const { report, rounds } = await measureLatency(subjects('a', 'b'), feeds, { ...options, blockMs: 1, maxSeconds: 1 })
  expect(rounds).toBeGreaterThan(60)
  expect(report.warnings.join()).toMatch(/b against a: after \d+ rounds their ratio is known to ±/)
  expect(report.ratios[0]?.ci[0]).toBeLessThan(1)
  expect(report.ratios[0]?.ci[1]).toBeGreaterThan(1)
})

test('in up to twice the time as many rounds are made as an interval needs: six pairs', async () => {
  const roundsOf = async (ms: number) => {
    const { options } = scripted({ a: () => ms, b: () => ms })
    return (await measureLatency(subjects('a', 'b'), feeds, { ...options, maxSeconds: 1, generations: 1 })).rounds
  }
  // A round takes as long as two runs of 75, 100 and 300 ms.
  expect([await roundsOf(75), await roundsOf(100), await roundsOf(300)]).toEqual([12, 12, 4])
})

test('a slow model that is never steady is warm after a second of runs', async () => {
  const { log, options } = scripted({ a: () => 300, b: (run) => (run % 2 ? 300 : 600) })
  await measureLatency(subjects('a', 'b'), feeds, { ...options, maxSeconds: 1, generations: 1 })
  // Two runs at first, of 900 ms, and one more.
  expect(log.lastIndexOf('b', log.indexOf('a', log.indexOf('b')))).toBe(log.indexOf('b') + 1)
})

test('one model alone has no ratio; an aborted measurement closes its sessions', async () => {
  const one = scripted({ a: () => 1 })
  expect((await measureLatency(subjects('a'), feeds, one.options)).report.ratios).toEqual([])
  const stop = new AbortController()
  const two = scripted({ a: () => 1, b: () => 1 })
  const running = measureLatency(subjects('a', 'b'), feeds, {
    ...two.options,
    signal: stop.signal,
    onProgress: ({ rounds }) => rounds >= 4 && stop.abort(new Error('enough')),
  })
  await expect(running).rejects.toThrow('enough')
  expect(two.closed.sort()).toEqual(['a', 'b'])
})

test('a model that does not take the inputs of the first one is named', async () => {
  const refusing = () => {
    throw new UserError('bad-data', 'Input "x" is float32[4,1].', { where: 'x', hint: 'It should be float32[N,3].' })
  }
  const { options } = scripted({ a: () => 1, 'small.onnx': refusing })
  const timed = (models: readonly string[]) =>
    measureLatency(
      models.map((model) => ({ label: model, model })),
      feeds,
      options,
    )
  await expect(timed(['a', 'small.onnx'])).rejects.toMatchObject({
    where: 'small.onnx',
    hint: 'It should be float32[N,3]. All models are run on the inputs of the first one.',
  })
  await expect(timed(['small.onnx', 'a'])).rejects.toMatchObject({ where: 'x' })
})
