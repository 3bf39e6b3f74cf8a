import { afterAll, describe, expect, test, vi } from 'vitest'
import type { UserError } from '../platform/index.ts'
import { chain, engineContract } from './contract-kit.ts'
import type { IsolatedSession } from './isolation.ts'
import { openIsolated } from './ort-node-isolated.ts'
import { ortWeb, WEB_PACKAGE, webVersion } from './ort-web.ts'
import type { TensorValue } from './session.ts'

const x: TensorValue = { dtype: 'float32', dims: [1, 2], data: Float32Array.of(-11, -22) }
const y: TensorValue = { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) }
const open: IsolatedSession[] = []
afterAll(() => Promise.all(open.map((session) => session.close())))

engineContract('onnxruntime-web', ortWeb)

describe('ortWeb', () => {
  test('is the version that is told to whoever does not have it', async () => {
    expect(await webVersion()).toBe(WEB_PACKAGE.version)
  })

  test('without the package, the error says what to install', async () => {
    vi.resetModules()
    vi.doMock('onnxruntime-web', () => {
      throw new Error('Cannot find package')
    })
    try {
      const missing = await import('./ort-web.ts')
      expect(await missing.webVersion().catch((error: unknown) => error)).toBeNull()
      const error = await missing.ortWeb.open(chain).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ name: 'UserError', code: 'unsupported', where: 'onnxruntime-web' })
      expect((error as UserError).hint).toContain('npm install onnxruntime-web@')
    } finally {
      vi.doUnmock('onnxruntime-web')
      vi.resetModules()
    }
  })

  test('one process runs with one number of threads', async () => {
    const session = await ortWeb.open(chain)
    await expect(ortWeb.open(chain, { threads: 2 })).rejects.toMatchObject({ code: 'unsupported', where: 'threads' })
    await expect(ortWeb.open(chain, { threads: 0 })).rejects.toMatchObject({ code: 'bad-argument' })
    expect(await session.run({ x })).toEqual({ y })
    await session.close()
  })

  test('knows the extremes of inner values', async () => {
    const session = await ortWeb.open(chain)
    const extremes = await session.extremes?.({ x }, ['s', 'n'])
    expect(extremes?.get('s')).toEqual({ min: -2, max: -1, elements: 2, finite: true })
    await session.close()
  })
})

describe('openIsolated with the runtime of browsers', () => {
  test('times runs inside a process that has the runtime of browsers, and notes what the model takes', async () => {
    const session = await openIsolated(chain, { threads: 2 }, { runtime: 'web' })
    open.push(session)
    expect(session.engine).toBe(`onnxruntime-web ${WEB_PACKAGE.version}`)
    const ns = await session.timeRuns({ x }, 3, 1)
    expect(ns).toHaveLength(3)
    expect(Math.min(...ns)).toBeGreaterThan(0)
    expect(session.loadMs).toBeGreaterThan(0)
    expect((await session.peakMemory()).how).not.toBe('')
    expect(await session.run({ x }, ['n', 'y'])).toEqual({ n: y, y })
    await expect(session.run({})).rejects.toMatchObject({ code: 'bad-data', where: 'x' })
  })

  test('a crash under way is a UserError that says so', async () => {
    const session = await openIsolated(chain, {}, { runtime: 'web' })
    const pending = session.timeRuns({ x }, 50_000_000)
    process.kill(session.pid, 'SIGSEGV')
    await expect(pending).rejects.toMatchObject({ name: 'UserError', code: 'unsupported' })
    await session.close()
  })
})
