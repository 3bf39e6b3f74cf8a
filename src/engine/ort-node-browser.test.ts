import { type AddressInfo, createServer } from 'node:net'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { chain } from './contract-kit.ts'
import type { IsolatedSession } from './isolation.ts'
import { browserRuntime, openInBrowser } from './ort-node-browser.ts'
import { findChromium } from './ort-node-chromium.ts'
import { DevTools } from './ort-node-devtools.ts'
import type { TensorValue } from './session.ts'

const x: TensorValue = { dtype: 'float32', dims: [1, 2], data: Float32Array.of(-11, -22) }
const y: TensorValue = { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) }
const open: IsolatedSession[] = []
afterAll(() => Promise.all(open.map((session) => session.close())))

test('a browser that is not there is a UserError', async () => {
  await expect(openInBrowser(chain, {}, '/nowhere/chromium')).rejects.toMatchObject({
    name: 'UserError',
    code: 'unsupported',
    where: '--browser',
  })
})

describe.skipIf(findChromium('auto') === null)('a model in a headless browser', () => {
  test('asks nothing of the world: a proxy that its environment names hears no request', async () => {
    const asked: string[] = []
    const proxy = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        asked.push(String(bytes).split('\r\n')[0]!)
        socket.destroy()
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as AddressInfo
    for (const name of ['http_proxy', 'https_proxy']) vi.stubEnv(name, `http://127.0.0.1:${port}`)
    try {
      const session = await openInBrowser(chain)
      expect(await session.run({ x })).toEqual({ y })
      // What a browser asks for by itself comes within a second of its start.
      await new Promise((resolve) => setTimeout(resolve, 2000))
      await session.close()
      expect(asked).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      proxy.close()
    }
  })

  test('what values hold does not go through the pipe of commands, which takes a second for ten megabytes', async () => {
    const session = await openInBrowser(chain)
    open.push(session)
    const sends = vi.spyOn(DevTools.prototype, 'send')
    const data = Float32Array.from({ length: 200_000 }, (_, i) => -21 - i)
    try {
      const { y } = await session.run({ x: { ...x, dims: [100_000, 2], data } })
      const known = Float32Array.from(data, (value, i) => Math.max(0, -(value + (i % 2 === 0 ? 10 : 20))))
      expect(y).toEqual({ dtype: 'float32', dims: [100_000, 2], data: known })
      const answers = await Promise.all(sends.mock.results.map(({ value }) => value))
      expect(JSON.stringify([sends.mock.calls, answers]).length).toBeLessThan(10_000)
    } finally {
      sends.mockRestore()
    }
  })

  test('runs, hands out inner values, times its runs, and says what went wrong', async () => {
    const session = await openInBrowser(chain)
    open.push(session)
    expect(session.engine).toMatch(/^onnxruntime-web \d.* in .*Chrom/)
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 2] }])
    expect(await session.run({ x })).toEqual({ y })
    expect(await session.run({ x }, ['n', 'b'])).toEqual({
      n: y,
      b: { ...y, dims: [2], data: Float32Array.of(10, 20) },
    })
    const ns = await session.timeRuns({ x }, 3, 1)
    expect(ns).toHaveLength(3)
    expect(session.loadMs).toBeGreaterThan(0)
    expect((await session.peakMemory()).bytes).toBeNull()
    await expect(session.run({})).rejects.toMatchObject({ code: 'bad-data', where: 'x' })
    await expect(session.timeArrivals({ x }, Float64Array.of(0))).rejects.toMatchObject({ code: 'unsupported' })

    const types = parseModel(`<ir_version: 10, opset_import: ["" : 20]>
      g (int64[1] i, string[2] s) => (int64[1] j, string[2] t) { j = Identity(i)  t = Identity(s) }`)
    const second = await openInBrowser(types)
    open.push(second)
    const i: TensorValue = { dtype: 'int64', dims: [1], data: BigInt64Array.of(2n ** 62n + 1n) }
    const s: TensorValue = { dtype: 'string', dims: [2], data: ['a', 'ß€'] }
    expect(await second.run({ i, s })).toEqual({ j: i, t: s })

    const unknown = parseModel(
      '<ir_version: 10, opset_import: ["" : 20, "nobody" : 1]> g (float[2] x) => (float[2] y) { y = nobody.Magic(x) }',
    )
    await expect(openInBrowser(unknown)).rejects.toThrow(/Magic/)
    expect(await browserRuntime('auto')).toBe(session.engine)
    // The browser that died takes nothing else along.
    process.kill(session.pid, 'SIGKILL')
    await expect(session.run({ x })).rejects.toMatchObject({ name: 'UserError', code: 'unsupported' })
  })
})
