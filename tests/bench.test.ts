import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { benchVerb } from '../src/cli/bench.ts'
import { parse } from '../src/cli/parse.ts'
import { modelDigest, readModel } from '../src/onnx/index.ts'
import { UserError } from '../src/platform/index.ts'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

let model = ''
beforeAll(() => {
  model = bench.model('model.onnx', CLASSIFIER)
  bench.model('one.onnx', CLASSIFIER.replace('float[N,16] x', 'float[1,16] x'))
  writeFileSync(bench.path('prices.json'), JSON.stringify({ currency: 'EUR', machines: [{ name: 'ours' }] }))
})

test('server, with prices and a page', async () => {
  const prices = { name: 'ours', perHour: 0.5, cores: 2, source: 'contract', asOf: '2026-05' }
  writeFileSync(bench.path('good.json'), JSON.stringify({ currency: 'EUR', machines: [prices] }))
  const ended = await bench.whet(
    ...['bench', model, model, '--scenario', 'server', '--qps', '200', '--duration', '0.5', '--prices', 'good.json'],
    ...['--answers-per-day', '1000000', '--spent', '3', '-o', 'load.html', '--json'],
  )
  expect([ended.code, ended.stderr.includes('wrote load.html')]).toEqual([0, true])
  const report = reportIn(ended.stdout, 'latency')
  expect(report).toMatchObject({ scenario: 'server', threads: 1, batch: 1, queryRows: 1 })
  const digest = modelDigest(await readModel(model))
  for (const entry of report.models) {
    expect(entry.digest).toBe(digest)
    expect(entry.load).toMatchObject({ qps: 200, maxP99Ms: null })
    expect(entry.percentiles!.length).toBeGreaterThan(0)
    expect(entry.p99Ms).toBeGreaterThanOrEqual(entry.p50Ms)
    // Energy is an estimate wherever no counter was read, and says so.
    expect(entry.energy!.measured || /^estimate, not measured/.test(entry.energy!.how)).toBe(true)
    expect(entry.allocations!.jsBytes).toBeGreaterThanOrEqual(0)
  }
  expect(report.costs).toMatchObject({ currency: 'EUR', machines: [prices] })
  expect(report.costs!.breakEven).toHaveLength(1)
  // Bound to a core, or the reason stands among the warnings.
  expect(report.cores !== null || report.warnings.some((line) => line.includes('not bound to cores'))).toBe(true)
  const page = readFileSync(bench.path('load.html'), 'utf8')
  expect(page).toContain('Poisson')
  expect(page).toContain('What a million answers cost')
  expect(page).not.toMatch(/<script|https?:/)
})

test('the sweep, and queries of several rows where the model takes one', async () => {
  const [swept, several] = await Promise.all([
    bench.whet('bench', model, '--scenario', 'offline', '--sweep', '--duration', '0.3', '--json'),
    bench.whet('bench', 'one.onnx', '--scenario', 'multi-stream', '--duration', '0.3', '--json'),
  ])
  const report = reportIn(swept.stdout, 'latency')
  expect(report.batch).toBe(32)
  expect(new Set(report.sweep!.map(({ batch }) => batch))).toEqual(new Set([1, 2, 4, 8, 16, 32]))
  expect(report.best![model]!.throughput).toBe(Math.max(...report.sweep!.map(({ throughput }) => throughput)))
  expect(reportIn(several.stdout, 'latency')).toMatchObject({ scenario: 'multi-stream', batch: 1, queryRows: 8 })
})

test.each([
  [['--scenario', 'serve'], /--scenario serve: no such choice/],
  [['--qps', '5'], /--qps means nothing in single-stream/],
  [['--max-p99', '5'], /--max-p99 limits nothing in single-stream/],
  [['--scenario', 'server', '--qps', '0'], /--qps 0: not a number/],
  [['--stall', '10'], /--stall 10: not milliseconds \(at most 60000\) and a number of calls/],
  [['--stall', '10@0'], /--stall 10@0/],
  [['--stall', '10@50', '--browser', 'auto'], /--stall cannot be put into a tab/],
  [['--batch', '1.5'], /--batch 1\.5: not a whole number from 1 to 65536/],
  [['--spent', '5'], /--spent means nothing without --answers-per-day/],
  [['--prices', 'missing.json'], /missing\.json/],
  [['--prices', bench.path('prices.json')], /machines\[0\]\.source should be a text/],
  [['-o', bench.path('no/such/load.html')], /cannot write/],
  [['-o', bench.path('load.json')], /the report is written as a page, FILE\.html/],
] as const)('%j is refused before anything runs', async (words, message) => {
  const run = async () => {
    const { positionals, options } = parse(benchVerb, [model, ...words])
    return benchVerb.run(positionals, options, {} as never)
  }
  const refused = run()
  await expect(refused).rejects.toBeInstanceOf(UserError)
  await expect(refused).rejects.toThrow(message)
})

test('rows at once that the model does not take are refused with those that it does', async () => {
  const { code, stderr } = await bench.whet('bench', 'one.onnx', '--batch', '4')
  expect([code, stderr]).toEqual([2, expect.stringMatching(/does not take 4 rows at once[\s\S]*it takes 1/)])
})

test('the rows that a shape names are run at once, and what contradicts it is refused', async () => {
  const [four, one, other] = await Promise.all([
    bench.whet('bench', model, '--shape', 'x=4,16', '--duration', '0.2', '--json'),
    bench.whet('bench', model, '--shape', 'x=1,16', '--scenario', 'offline', '--duration', '0.2', '--json'),
    bench.whet('bench', model, '--shape', 'x=4,16', '--batch', '2'),
  ])
  expect(reportIn(four.stdout, 'latency')).toMatchObject({ batch: 4, queryRows: 4 })
  expect(reportIn(one.stdout, 'latency').batch).toBe(32)
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(/a batch of 2 was asked for, and shapes of 4 rows/),
  ])
})

// In real time: a sleep is never shorter than it was asked to be. What p90 does needs a machine that lets the model run:
// where the model alone already waits as long, only virtual time can tell (src/evaluate/load/load.test.ts).
test.each([
  ['single-stream', []],
  ['server', ['--qps', '100']],
])('10 ms put into every 50th call show in p99 and not in p90: %s', async (scenario, load) => {
  const timed = ['bench', model, '--scenario', scenario, ...load, '--duration', '5', '--json']
  const usual = reportIn((await bench.whet(...timed)).stdout, 'latency')
  const rehearsed = reportIn((await bench.whet(...timed, '--stall', '10@50')).stdout, 'latency')
  const [[before], [after]] = [usual.models, rehearsed.models]
  expect(after!.p99Ms).toBeGreaterThanOrEqual(10)
  if (before!.p99Ms < 5) expect(after!.p90Ms).toBeLessThan(10)
  // No reader takes the figures for the model's own.
  expect(rehearsed.stall).toEqual({ ms: 10, every: 50 })
  expect(rehearsed.warnings[0]).toMatch(/rehearsal: 10 ms were added on purpose to one call in 50/)
  expect(usual.stall).toBeUndefined()
  expect(usual.warnings.join()).not.toContain('rehearsal')
})
