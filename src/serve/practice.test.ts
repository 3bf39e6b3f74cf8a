import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { modelFolder } from '../../tests/serve-kit.ts'
import { DEFAULT_LIMITS, DEFAULT_SETTINGS } from './index.ts'
import { practise } from './practice.ts'

// Others practise in the common folder at the same time.
beforeEach(() => vi.stubEnv('TMPDIR', modelFolder({})))
afterEach(() => vi.unstubAllEnvs())

const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('whetstone-practice'))

test('a server asks itself some thousand requests, all are answered, and nothing stays', async () => {
  expect(await practise(DEFAULT_LIMITS, DEFAULT_SETTINGS).done).toBe(4000)
  expect(left()).toEqual([])
}, 120_000)

test('it ends when it is told to, and where nothing can be practised nothing fails', async () => {
  const practice = practise(DEFAULT_LIMITS, DEFAULT_SETTINGS)
  await practice.stop()
  expect(await practice.done).toBeLessThan(4000)
  expect(left()).toEqual([])
  expect(await practise({ ...DEFAULT_LIMITS, maxBodyBytes: 10 }, DEFAULT_SETTINGS).done).toBe(0)
}, 60_000)
