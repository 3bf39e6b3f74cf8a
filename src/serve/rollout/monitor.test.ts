import { expect, test, vi } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import { type DriftState, startDrift } from '../../rollout/index.ts'
import type { State } from '../../state/index.ts'
import { silentLog } from '../log.ts'
import type { Outcome } from '../router.ts'
import { DriftMonitor } from './monitor.ts'

const settings = { reference: 1200, window: 500, alpha: 0.01 }
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A monitor whose database answers when the test says so. */
function monitor(digestOf: (name: string, version: string) => string = (_, version) => `sha256:${version}`) {
  const asked: { digest: string; answer(body: DriftState | null): void; fail(): void }[] = []
  const kept = new Map<string, DriftState>()
  const state = {
    monitor: (_name: string, digest: string) =>
      new Promise<unknown>((resolve, reject) =>
        asked.push({ digest, answer: resolve, fail: () => reject(new Error('away')) }),
      ),
    keepMonitor: async (_name: string, digest: string, body: DriftState) => void kept.set(digest, body),
  } as unknown as State
  const made = new DriftMonitor(state, digestOf, silentLog, settings, () => {})
  const see = async (count: number, version = '1') => {
    for (let i = 0; i < count; i++) {
      const tensor = (name: string) => bytesOfValue(name, { dtype: 'float32', dims: [1, 1], data: Float32Array.of(i) })
      const outcome = { model: 'm', version, shadow: false, inputs: [tensor('x')], outputs: [tensor('y')] }
      made.observe({ ...outcome, hold: () => () => {} } as unknown as Outcome, true)
      await turn()
    }
  }
  return { made, asked, kept, see }
}

test('requests that come before the database is open are watched, each in its order', async () => {
  const { made, asked, see } = monitor()
  await see(3)
  expect([asked.map(({ digest }) => digest), made.reports]).toEqual([['sha256:1'], []])
  // Whoever asks for the report waits as well.
  const report = made.report('m')
  asked[0]!.answer(null)
  expect(await report).toMatchObject({ modelVersion: '1', reference: 3 })
  await see(2)
  expect(await made.report('m')).toMatchObject({ reference: 5 })
  expect(await made.report('other')).toBeNull()
})

test('a version that is loaded again as another model has another usual', async () => {
  const digest = { now: 'sha256:a' }
  const { made, asked, kept, see } = monitor(() => digest.now)
  await see(3)
  asked[0]!.answer(null)
  await turn()
  digest.now = 'sha256:b'
  await see(2)
  expect(asked.map((one) => one.digest)).toEqual(['sha256:a', 'sha256:b'])
  asked[1]!.answer(null)
  expect(await made.report('m')).toMatchObject({ modelVersion: '1', reference: 2 })
  await made.close()
  expect([...kept].map(([key, { reference }]) => [key, reference.length])).toEqual([
    ['sha256:a', 3],
    ['sha256:b', 2],
  ])
})

test('what waits has an end, and outlives a database that is away', async () => {
  const { made, asked, kept, see } = monitor()
  await see(1)
  asked[0]!.fail()
  await turn()
  expect(await made.report('m')).toBeNull()
  await see(1100)
  // Once for all that came; again after a while.
  expect(asked).toHaveLength(1)
  const later = performance.now() + 5001
  const now = vi.spyOn(performance, 'now').mockImplementation(() => later)
  await see(1)
  now.mockRestore()
  expect(asked).toHaveLength(2)
  asked[1]!.answer(null)
  await made.close()
  expect(kept.get('sha256:1')!.reference).toHaveLength(1000)
})

test('a version that comes while another is opened: each has its own requests', async () => {
  const { made, asked, kept, see } = monitor((_, version) => {
    if (version === 'gone') throw new Error('there is no such version')
    return `sha256:${version}`
  })
  await see(2, 'gone')
  await see(2, '1')
  await see(3, '2')
  expect(asked.map(({ digest }) => digest)).toEqual(['sha256:1', 'sha256:2'])
  asked[1]!.answer({ ...startDrift(settings), looks: 7 })
  asked[0]!.answer(null)
  expect(await made.report('m')).toMatchObject({ modelVersion: '2', reference: 3, looks: 7 })
  await made.close()
  expect([...kept.keys()]).toEqual(['sha256:2'])
})
