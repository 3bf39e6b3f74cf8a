import { expect, test } from 'vitest'
import type { Report } from '../../report/index.ts'
import { type EvidenceCache, writtenLater } from './evidence-cache.ts'

test('a cache that is written later knows what was made, and keeps it when it is told to', async () => {
  const kept = new Map<string, Report>()
  const nameOf = (key: object) => JSON.stringify(key)
  const cache: EvidenceCache = {
    find: async (key) => kept.get(nameOf(key)),
    async get<R extends Report>(key: object, make: () => Promise<R>) {
      const made = (kept.get(nameOf(key)) as R | undefined) ?? (await make())
      kept.set(nameOf(key), made)
      return made
    },
  }
  const report = { kind: 'channels', version: 1, samples: 1, dataDigest: '', values: {}, unseen: [] } as const
  let made = 0
  const make = async () => {
    made++
    return report
  }
  const late = writtenLater(cache)
  expect(await late.get({ measure: 'channels' }, make)).toBe(report)
  expect(await late.get({ measure: 'channels' }, make)).toBe(report)
  expect(await late.find({ measure: 'channels' })).toBe(report)
  expect([made, kept.size]).toEqual([1, 0])
  await late.write()
  expect([...kept.values()]).toEqual([report])
  expect(await writtenLater(cache).get({ measure: 'channels' }, make)).toBe(report)
  expect(made).toBe(1)
})
