import { expect, test } from 'vitest'
import { busyWarning } from '../evaluate/busy-machine.ts'
import type { Workbench } from '../recipe/index.ts'
import { Budget } from './budget.ts'
import { Pool } from './pool.ts'

test('that a timing was taken on a busy machine is told once, however many there were', async () => {
  const loads = [1, 9.3, 12]
  const model = { p50Ms: 1, p99Ms: 1, loadMs: 1, peakRssBytes: 1 }
  const bench = {
    original: { digest: 'original', bytes: 100 },
    time: async () => ({
      models: [model],
      ratios: [],
      warnings: ['b against a: known to ±3 %', busyWarning(loads.shift()!, 2)].filter((line) => line !== null),
    }),
  }
  const pool = new Pool(bench as unknown as Workbench, { name: 'latency' }, new Budget(1000), () => {})
  await pool.time([], 1)
  expect(pool.warnings).toEqual([])
  for (let i = 0; i < 2; i++) {
    // A first trial makes each of them a timing of its own.
    await pool.time([{ built: { spec: { id: 'a' } }, result: {} } as never], 1).catch(() => {})
  }
  expect(pool.warnings).toEqual(['the machine was busy: 9.3 processes wanted its 2 cores'])
})
