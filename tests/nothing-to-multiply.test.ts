import { afterEach, expect, test, vi } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { noCache, Workbench } from '../src/recipe/index.ts'
import type { LatencyReport } from '../src/report/index.ts'
import { optimize } from '../src/search/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** What a search on a clock that stands still says of a model, with the names of what it built and of what it left out. */
async function searched(body: string) {
  vi.spyOn(Workbench.prototype, 'time').mockImplementation(async (built) => {
    const ids = built.map(({ spec }) => spec.id)
    return {
      models: ['original', ...ids].map(() => ({ p50Ms: 1, p99Ms: 1, loadMs: 1, peakRssBytes: 1 })),
      ratios: ids.map((other) => ({ base: 'original', other, median: 0.9, ci: [0.89, 0.91] })),
      warnings: [],
    } as unknown as LatencyReport
  })
  const model = modelWith(`g (float[N,8] x) => (float y) { i = Identity(x) ${body} }`, { w: [8, 8] })
  const { report } = await optimize(model, await memoryDataset({ x: randomValue([40, 8], 3) }), {
    time: 5_000,
    cache: noCache,
  })
  const { warnings, leftOut = [], candidates } = report
  return [...warnings, ...leftOut, ...candidates.map(({ id }) => id)].join('\n')
}

test('where nothing can become integer no ranges are read and no channels are missed, and the report says why', async () => {
  const said = await searched('m = ReduceMean<keepdims = 1>(i) y = Tanh(m)')
  expect(said).toContain('static int8 was not tried: there is no convolution, product or recurrent layer')
  expect(said).not.toMatch(/int8-|spare/)
}, 60_000)

test('of a product they are', async () => {
  const said = await searched('m = MatMul(i, w) y = Tanh(m)')
  expect(said).not.toContain('static int8 was not tried')
  expect(said).toMatch(/int8-/)
}, 60_000)
