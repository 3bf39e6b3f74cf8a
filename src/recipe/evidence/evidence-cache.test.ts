import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../../report/index.ts'
import { diskCache, type EvidenceCache, inMemory, writtenLater } from './evidence-cache.ts'

test('what is not worth keeping is known to the search that made it, and made anew by the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whet-cache-'))
  try {
    let made = 0
    const make = async () =>
      ({ kind: 'channels', version: 1, samples: ++made, dataDigest: '', values: {}, unseen: [] }) as const
    const [one, next] = [inMemory(diskCache(folder)), inMemory(diskCache(folder))]
    const key = { measure: 'channels' }
    const worth = ({ samples }: { readonly samples: number }) => samples > 1
    for (const cache of [one, one, next, one]) await cache.get(key, make, worth)
    expect(made).toBe(2)
    expect(await diskCache(folder).find(key)).toMatchObject({ samples: 2 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

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
