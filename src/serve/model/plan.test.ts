import { expect, test } from 'vitest'
import { type ByteTensor, bytesOfValue, type Lanes, type OrtSessionOptions } from '../../engine/index.ts'
import { bestBatches, fixedCost, planRun } from './plan.ts'

const WISH = { instances: null, threads: null, maxBatch: null }
const row: readonly ByteTensor[] = [bytesOfValue('x', { dtype: 'float32', dims: [1, 1], data: Float32Array.of(1) })]

/**
 * Two cores with a model that takes `costMs` of a processor for a row in runs of so many rows. Other programs leave a
 * share of each core that changes from one measurement to the next.
 */
function machine({
  costMs,
  slowerBeside = 1,
  wideGain = 1.5,
  noise = () => 1,
}: {
  readonly costMs: (rows: number) => number
  /** What a row takes more of while another lane runs. */
  readonly slowerBeside?: number
  /** What a run with all threads is faster than one with one thread. */
  readonly wideGain?: number
  readonly noise?: () => number
}) {
  let spinning = 0
  const threads = [1, 0]
  const lanes = {
    capacity: 2,
    open: async (lane: number, options: OrtSessionOptions = {}) => {
      threads[lane] = options.threads ?? 1
      return 0
    },
    close: async (lane: number) => {
      threads[lane] = 0
    },
    async spin(lane: number, [input]: readonly ByteTensor[]) {
      if (threads[lane] === 0) throw new Error('the lane is closed')
      spinning++
      await null
      const beside = spinning
      const rows = input!.dims[0]!
      const share = noise()
      const runMs = (rows * costMs(rows) * (beside > 1 ? slowerBeside : 1)) / (threads[lane]! > 1 ? wideGain : 1)
      await null
      spinning--
      return { rate: (1000 * share) / runMs, processors: share * (threads[lane]! > 1 ? 2 : beside) }
    },
  }
  return { lanes: lanes as unknown as Lanes, threads }
}

test.each([
  ['rows that gain nothing share short runs, and in a crowd longer ones', () => 0.6, 8, 32],
  ['rows of a long run share it in a crowd', () => 13, 1, 4],
  ['and where a run would take too long, they do not', () => 40, 1, 1],
  ['nor where they lose a little', (rows: number) => (rows > 1 ? 13.5 : 13), 1, 1],
  ['weights that are read once for all rows', (rows: number) => 0.3 + 1.5 / rows, 32, 32],
  ['rows that gain at first', (rows: number) => (rows < 8 ? 6 - rows : 2), 4, 16],
  ['rows that lose', (rows: number) => 0.1 * rows, 1, 1],
])('%s', async (_what, costMs, maxBatch, crowdBatch) => {
  expect(await bestBatches(async (size) => costMs(size))).toEqual({ maxBatch, crowdBatch })
})

test('what a run takes beyond its rows', () => {
  expect(fixedCost(0.3 + 1.5, 0.3 + 1.5 / 32, 32)).toBeCloseTo(1.5)
  expect(fixedCost(0.6, 0.7, 8)).toBe(0)
})

test('one session a core, and the same plan whatever other programs take', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    let state = seed
    const noise = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      // On a crowded machine a measurement may see next to nothing of a core.
      return 0.05 + (0.95 * state) / 2 ** 32
    }
    const { lanes, threads } = machine({ costMs: () => 0.6, noise })
    expect(await planRun(lanes, WISH, row, true)).toMatchObject({ instances: 2, threads: 1, maxBatch: 8 })
    expect(threads).toEqual([1, 1])
  }
})

test('one session where two share the width of the memory; all threads where they give more', async () => {
  const narrow = machine({ costMs: () => 20, slowerBeside: 2, wideGain: 1 })
  expect(await planRun(narrow.lanes, WISH, row, false)).toMatchObject({ instances: 1, threads: 1, maxBatch: 1 })
  expect(narrow.threads).toEqual([1, 0])
  const wide = machine({ costMs: () => 20, slowerBeside: 2, wideGain: 1.9 })
  expect(await planRun(wide.lanes, WISH, row, false)).toMatchObject({ instances: 1, threads: 2 })
  expect(wide.threads).toEqual([2, 0])
})
