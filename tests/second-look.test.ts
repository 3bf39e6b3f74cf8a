import { afterEach, expect, test, vi } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { noCache, Workbench } from '../src/recipe/index.ts'
import type { LatencyReport } from '../src/report/index.ts'
import { optimize } from '../src/search/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const ROWS = 60
const network = () =>
  modelWith(`g (float[N,4,8,8] x) => (float y) { a = Conv(x, u) r = Relu(a) f = Flatten(r) y = MatMul(f, w) }`, {
    u: [8, 4, 3, 3],
    w: [288, 5],
  })
const labelled = () =>
  memoryDataset({
    x: randomValue([ROWS, 4, 8, 8], 3),
    labels: { dtype: 'int64', dims: [ROWS], data: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i % 5)) },
  })

/** A search on a machine that seems to take so many milliseconds to open a model. */
async function searchWhereOpeningTakes(openMs: number, time: number) {
  const open = Workbench.open
  vi.spyOn(Workbench, 'open').mockImplementation(async (...words) =>
    Object.defineProperty(await open(...words), 'seen', { value: { openMs, runMs: 0.1 } }),
  )
  // Nothing is faster, so nothing is judged, and no busy machine takes the time.
  vi.spyOn(Workbench.prototype, 'time').mockImplementation(async (built) => {
    const ratios = built.map(({ spec }) => ({ base: 'original', other: spec.id, median: 1.2, ci: [1.1, 1.3] }))
    const models = ['original', ...built].map(() => ({ p50Ms: 1, p99Ms: 1, loadMs: 1, peakRssBytes: 1 }))
    return { models, ratios, warnings: [] } as unknown as LatencyReport
  })
  const { report } = await optimize(network(), await labelled(), { time, cache: noCache })
  const left = (report.leftOut ?? []).join('; ')
  return { report, left, ids: report.candidates.map(({ id }) => id) }
}

test('what a hurry put off is looked at when the time turns out to be enough', async () => {
  // All kinds at once would take 45 openings, a third of the time is 44.4.
  const { ids, left } = await searchWhereOpeningTakes(4500, 600_000)
  expect(ids).toEqual(expect.arrayContaining(['int8-products-mse', 'int8-everywhere-mse']))
  expect(left).not.toMatch(/int8-products-mse|int8-everywhere-mse/)
}, 120_000)

test('in a hurry, what needs no ranges comes first where products hold the weights; ranges that do not fit are not begun', async () => {
  const { ids, left } = await searchWhereOpeningTakes(4500, 60_000)
  expect(ids).toContain('weight-int8-wide')
  expect(ids.filter((id) => id.startsWith('int8'))).toEqual([])
  expect(left).toMatch(/int8-typical-mse/)
}, 120_000)

test('labels score the original where no candidate was worth judging', async () => {
  const { report } = await optimize(network(), await labelled(), { time: 1_000, maxBytes: 1, cache: noCache })
  expect(report.candidates.every(({ judgedRows }) => judgedRows === undefined)).toBe(true)
  expect(report.baseline).toMatchObject({
    metric: expect.any(Number),
    metricName: 'top1',
    judgedRows: expect.any(Number),
  })
}, 120_000)
