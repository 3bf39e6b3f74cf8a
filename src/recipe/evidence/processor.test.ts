import { expect, test, vi } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { channelBlock, referenceWith } from '../../engine/index.ts'
import type { Report } from '../../report/index.ts'
import type { RunsOn } from '../runs-on.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'
import { blockOn, curvesOn, saturatesOn } from './processor.ts'

/** Keeps what is made by its key. */
function remembering() {
  const kept = new Map<string, Report>()
  const cache: EvidenceCache = {
    find: async (key) => kept.get(JSON.stringify(key)),
    async get<R extends Report>(key: Readonly<Record<string, unknown>>, make: () => Promise<R>) {
      const known = kept.get(JSON.stringify(key)) ?? (await make())
      kept.set(JSON.stringify(key), known)
      return known as R
    },
  }
  return { kept, cache }
}

const placeOf = (runtime: string, open: unknown) => ({ runtime, open }) as RunsOn

test('what a runtime said of its products is kept for processes to come, and each runtime is asked', async () => {
  const { kept, cache } = remembering()
  const open = vi.fn(referenceWith({ saturate16: true }).open)
  expect(await saturatesOn(placeOf('narrow', open), cache)).toBe(true)
  expect([...kept.values()]).toMatchObject([{ kind: 'processor', version: 1, runtime: 'narrow', saturates: true }])
  // As another process would have kept it.
  kept.set([...kept.keys()][0]!, { ...([...kept.values()][0] as Report), saturates: false } as Report)
  expect(await saturatesOn(placeOf('narrow', open), cache)).toBe(false)
  expect(open).toHaveBeenCalledTimes(1)
  expect(await saturatesOn(placeOf('exact', referenceWith({}).open), cache)).toBe(false)
  expect(kept.size).toBe(2)
})

test('blocks are asked for where convolutions shall run on this machine, and nowhere else', async () => {
  const convolves = modelWith('g (float[1,3,6,5] x) => (float y) { y = Conv(x, w) }', { w: [4, 3, 1, 1] })
  const multiplies = modelWith('g (float[1,3] x) => (float y) { y = MatMul(x, w) }', { w: [3, 4] })
  const { kept, cache } = remembering()
  expect(await blockOn('portable', convolves, cache)).toBe(16)
  expect(await blockOn('web', convolves, cache)).toBe(16)
  expect(await blockOn('native', multiplies, cache)).toBe(16)
  expect(kept.size).toBe(0)
  const block = await blockOn('native', convolves, cache)
  expect(block).toBe(await channelBlock())
  expect([...kept.values()]).toMatchObject([{ kind: 'processor', block }])
  kept.set([...kept.keys()][0]!, { ...([...kept.values()][0] as Report), block: block === 8 ? 16 : 8 } as Report)
  expect(await blockOn('native', convolves, cache)).not.toBe(block)
  expect(await blockOn('native', convolves, noCache)).toBe(block)
})

test('how gates stand is measured where a HardSwish shall run on this machine, once', async () => {
  const gated = modelWith('g (float[1,3] x) => (float y) { a = MatMul(x, w) y = HardSwish(a) }', { w: [3, 4] })
  const plain = modelWith('g (float[1,3] x) => (float y) { a = MatMul(x, w) y = Relu(a) }', { w: [3, 4] })
  const { kept, cache } = remembering()
  for (const target of ['portable', 'web'] as const) expect(await curvesOn(target, gated, cache)).toBeUndefined()
  expect(await curvesOn('native', plain, cache)).toBeUndefined()
  expect(kept.size).toBe(0)
  const curves = await curvesOn('native', gated, cache)
  expect([...kept.values()]).toMatchObject([{ kind: 'processor', limits: curves === 'limits' }])
  for (const limits of [true, false]) {
    kept.set([...kept.keys()][0]!, { ...([...kept.values()][0] as Report), limits } as Report)
    expect(await curvesOn('native', gated, cache)).toBe(limits ? 'limits' : undefined)
  }
})
