import { expect, test } from 'vitest'
import { modelWith, randomValue } from '../../../tests/quantize-kit.ts'
import { memoryDataset } from '../../data/index.ts'
import { channelsOf } from '../evidence/channels.ts'
import { rangesOf } from '../evidence/ranges.ts'
import type { Meter } from '../meter.ts'
import { rangesWithChannels } from './ranges-and-channels.ts'

const model = modelWith('g (float[1,4,8,8] x) => (float y) { a = Conv(x, u) r = Relu(a) y = Conv(r, v) }', {
  u: [6, 4, 3, 3],
  v: [2, 6, 1, 1],
})
const rows = () => memoryDataset({ x: randomValue([20, 4, 8, 8], 5) })

/** What was metered, and how many rows of each. */
async function metered(method: 'minmax' | 'percentile', workers: number) {
  const done: Record<string, number> = {}
  const meter: Meter = (work) => (count) => {
    done[work] = count
  }
  const [ranges, channels] = await rangesWithChannels(model, await rows(), method, { workers, meter })
  return { done, ranges, channels }
}

test.each([1, 2])(
  'extremes and channels are those of two readings, from one run of each row; %i at a time',
  async (workers) => {
    const { done, ranges, channels } = await metered('minmax', workers)
    expect(done).toEqual({ ranges: 20 })
    const data = await rows()
    expect(ranges).toEqual(await rangesOf(model, data, 'minmax', {}))
    expect(channels).toEqual(await channelsOf(model, data))
    expect(channels.samples).toBe(16)
  },
)

test('histograms take the values themselves, and channels are looked at beside them', async () => {
  const { done } = await metered('percentile', 2)
  expect(done).toEqual({ histograms: 20, channels: 16 })
})

test('reading is given up by whoever meters it', async () => {
  const meter: Meter = () => (count) => {
    if (count === 2) throw new Error('too long')
  }
  await expect(rangesWithChannels(model, await rows(), 'minmax', { workers: 2, meter })).rejects.toThrow('too long')
})
