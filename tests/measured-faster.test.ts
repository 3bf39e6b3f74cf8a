import { afterEach, expect, test, vi } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import { noCache, Workbench } from '../src/recipe/index.ts'
import type { LatencyReport } from '../src/report/index.ts'
import { optimize } from '../src/search/index.ts'
import { modelWith, randomValue } from './quantize-kit.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

type Ratio = readonly [median: number, ci: readonly [number, number]]

/** A search whose clock shows these ratios to the original: of the lossless model, of others, and when one is confirmed. */
async function searchWhere(lossless: Ratio, others: Ratio, confirmed: Ratio = others) {
  vi.spyOn(Workbench.prototype, 'time').mockImplementation(async (built, _, purpose) => {
    const ids = built.map(({ spec }) => spec.id)
    const shown = (id: string) => (id === 'lossless' ? lossless : purpose === 'confirm' ? confirmed : others)
    return {
      models: ['original', ...ids].map(() => ({ p50Ms: 1, p99Ms: 1, loadMs: 1, peakRssBytes: 1 })),
      ratios: ids.map((other) => ({ base: 'original', other, median: shown(other)[0], ci: shown(other)[1] })),
      warnings: [],
    } as unknown as LatencyReport
  })
  const network = modelWith(
    `g (float[N,64] x) => (float y) { i = Identity(x) a = MatMul(i, u) r = Relu(a) y = MatMul(r, w) }`,
    {
      u: [64, 64],
      w: [64, 8],
    },
  )
  const { report } = await optimize(network, await memoryDataset({ x: randomValue([60, 64], 3) }), {
    time: 10_000,
    cache: noCache,
    // Integers that answer alike on any processor.
    target: 'portable',
  })
  return report
}

test('what is not shown to be faster when timed again alone is not handed out for its speed', async () => {
  const { chosen } = await searchWhere([1, [0.99, 1.01]], [0.7, [0.69, 0.71]], [0.99, [0.97, 1.01]])
  expect(chosen.id).not.toMatch(/int8|int4/)
  expect(chosen.reason).toMatch(/not confirmed to be better when timed again alone/)
}, 120_000)

test('where a disturbance hid it when timed again alone, the report says so', async () => {
  const { chosen, candidates, warnings } = await searchWhere([1, [0.99, 1.01]], [0.7, [0.69, 0.71]], [0.7, [0.5, 1.3]])
  expect(chosen.id).not.toMatch(/int8|int4/)
  expect(candidates.find(({ note }) => note?.startsWith('not confirmed'))?.note).toMatch(/the timing was disturbed$/)
  expect(warnings.join()).toMatch(/timings were disturbed.*0\.50 to 1\.30 of the original's time/)
}, 120_000)
