import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../../report/index.ts'
import { diskCache, type EvidenceCache, inMemory, noCache, writtenLater } from './evidence-cache.ts'

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

test('what two ask for at once is measured once; what failed may be tried again', async () => {
  let asked = 0
  const cache = inMemory(noCache)
  const report = { kind: 'channels', version: 1, samples: 1, dataDigest: '', values: {}, unseen: [] } as const
  const make = async () => {
    asked++
    return report
  }
  const [one, other] = await Promise.all([cache.get({ a: 1, b: 2 }, make), cache.get({ b: 2, a: 1 }, make)])
  expect([one, other, asked]).toEqual([report, report, 1])
  expect(await cache.find({ b: 2, a: 1 })).toBe(report)
  expect(await cache.find({ a: 1 })).toBeUndefined()
  const failing = () => cache.get({ a: 3 }, async () => Promise.reject(new Error('interrupted')))
  await expect(failing()).rejects.toThrow('interrupted')
  expect(await cache.get({ a: 3 }, async () => report)).toBe(report)
})

test('what is not worth keeping is not written later either, and what was written is not written again', async () => {
  const written: string[] = []
  const cache: EvidenceCache = {
    find: async () => undefined,
    get: (key, make) => {
      written.push(JSON.stringify(key))
      return make()
    },
  }
  const report = { kind: 'channels', version: 1, samples: 1, dataDigest: '', values: {}, unseen: [] } as const
  const late = writtenLater(cache)
  await late.get(
    { a: 1 },
    async () => report,
    () => false,
  )
  await late.get({ a: 2 }, async () => report)
  await late.write()
  await late.write()
  expect(written).toEqual(['{"a":2}'])
})
