import { afterEach, expect, test, vi } from 'vitest'
import { pageRuntime } from './ort-page.ts'

afterEach(() => vi.restoreAllMocks())

/** A page whose clock counts in steps of 5 µs, with a model of which each run takes so long. */
async function timed(runMs: number, count: number) {
  let now = 0
  let runs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => Math.floor(now / 0.005) * 0.005)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(new Uint8Array(1)))
  const session = {
    inputMetadata: [],
    outputMetadata: [],
    async run() {
      now += runMs
      runs++
      return {}
    },
  }
  const ort = { env: { wasm: {} }, InferenceSession: { create: async () => session } }
  const page = pageRuntime(ort as never, 1, 1)
  const { id } = await page.open('/model', {})
  return {
    ms: await page.time(id, await page.prepare('/feeds', { values: {} }), [], count, 2),
    runs: () => runs - 2,
  }
}

test.each([0.003, 0.0712, 0.0734, 0.3, 4])('the time of runs of %f ms is told to two hundredths', async (runMs) => {
  const { ms, runs } = await timed(runMs, 60)
  expect([ms.length, runs()]).toEqual([60, 60])
  const median = ms.toSorted((a, b) => a - b)[30]!
  expect(Math.abs(median / runMs - 1)).toBeLessThan(0.02)
})
