import { expect, test } from 'vitest'
import { VersionStatistics } from './statistics.ts'

test('however many sizes clients choose, few are counted apart, and every run once', () => {
  const statistics = new VersionStatistics()
  for (let rows = 1; rows <= 100_000; rows += 7) statistics.ran(rows, 1)
  expect(statistics.batches.size).toBeLessThan(32)
  expect([...statistics.batches.keys()].slice(-3)).toEqual([32_768, 65_536, 131_072])
  const counted = [...statistics.batches.values()].reduce((sum, { count }) => sum + count, 0)
  expect([counted, statistics.computeInfer.count]).toEqual([14_286, 14_286])
})
