import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { soak, soundness } from '../../bench/serve-soak.ts'
import { ask, modelFolder, serve, withPlan, writeModelText } from '../../tests/serve-kit.ts'
import { jsonLog, makeKey, type Outcome, type Router, type Server, verifyAuditLog } from './index.ts'

const scaled = (by: number) => `g (float[N,2] x) => (float[N,2] y) <float k = {${by}}> { y = Mul(x, k) }`
const versions = (factors: Readonly<Record<string, number>>) =>
  modelFolder(
    Object.fromEntries(Object.entries(factors).map(([name, by]) => [`scaled/${name}/model.onnx`, scaled(by)])),
  )
const body = (...data: readonly number[]) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length / 2, 2], data }],
})

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})
const infer = (data: object, headers: Record<string, string> = {}, path = '/v2/models/scaled') =>
  ask(server!.http, 'POST', `${path}/infer`, data, headers)
const act = (name: 'load' | 'unload', version?: string, model = 'scaled') =>
  ask(
    server!.admin,
    'POST',
    `/v2/repository/models/${model}/${name}`,
    version ? { parameters: { version } } : undefined,
  )
const liveVersion = () => server!.core.registry.version('scaled', '')

test('the newest version answers; another is loaded without a gap; unloading and loading again', async () => {
  const folder = versions({ 1: 1, 2: 2, 10: 10 })
  const audit = join(folder, '.audit.jsonl')
  server = await serve(folder, { auditPath: audit })
  expect((await infer(body(1, 2))).json).toMatchObject({ model_version: '10', outputs: [{ data: [10, 20] }] })
  expect((await infer(body(1, 2), {}, '/v2/models/scaled/versions/2')).status).toBe(404)
  expect((await act('load', '2')).status).toBe(200)
  expect((await infer(body(1, 2))).json).toMatchObject({ model_version: '2', outputs: [{ data: [2, 4] }] })
  expect((await ask(server.http, 'POST', '/v2/repository/index')).json).toEqual([
    { name: 'scaled', version: '2', state: 'READY', reason: '' },
    { name: 'scaled', version: '10', state: 'UNAVAILABLE', reason: 'not loaded' },
    { name: 'scaled', version: '1', state: 'UNAVAILABLE', reason: 'not loaded' },
  ])

  writeModelText(join(folder, 'scaled/11/model.onnx'), scaled(11))
  expect((await act('load')).status).toBe(200)
  expect((await infer(body(1, 2))).json.model_version).toBe('11')

  // A broken upload changes nothing.
  writeFileSync(join(folder, 'scaled/11/model.onnx'), 'half a model')
  writeModelText(join(folder, 'scaled/12/model.onnx'), scaled(12))
  writeFileSync(
    join(folder, 'scaled/12/model.onnx'),
    readFileSync(join(folder, 'scaled/12/model.onnx')).subarray(0, 20),
  )
  const broken = await act('load')
  expect([broken.status, broken.json.error]).toEqual([400, expect.stringContaining("failed to load 'scaled'")])
  expect((await infer(body(1, 2))).json.model_version).toBe('11')

  expect((await act('unload')).status).toBe(200)
  expect((await infer(body(1, 2))).status).toBe(404)
  expect((await ask(server.http, 'POST', '/v2/repository/index')).json).toContainEqual(
    expect.objectContaining({ name: 'scaled', state: 'UNAVAILABLE' }),
  )
  const ready = (await ask(server.http, 'POST', '/v2/repository/index', { ready: true })).json
  expect(ready.filter(({ name }: { name: string }) => name === 'scaled')).toEqual([])
  expect((await act('load', '1')).status).toBe(200)
  expect((await infer(body(1, 2))).json.model_version).toBe('1')
  expect((await act('load', undefined, 'nobody')).status).toBe(404)
  const lines = readFileSync(audit, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(verifyAuditLog(audit).entries).toBe(6)
  expect(lines.map((line) => [line.act, line.model, line.outcome])).toEqual([
    ['load', 'scaled', 'done'],
    ['load', 'scaled', 'done'],
    ['load', 'scaled', 'failed'],
    ['unload', 'scaled', 'done'],
    ['load', 'scaled', 'done'],
    ['load', 'nobody', 'failed'],
  ])
}, 120_000)

describe('a soak: mixed traffic, killed processes, swapped versions', () => {
  const run = async (folder: string, acts: readonly ('kill' | 'swap')[]) => {
    server = await serve(folder)
    let turn = 0
    return soak({
      place: server.http!,
      clients: 6,
      kill: () => {
        const { pid } = liveVersion()
        return pid !== null && process.kill(pid, 'SIGKILL')
      },
      swap: async () => {
        await server!.core.registry.load('scaled', ['2', '3'][turn++ % 2]!)
      },
      acts: async ({ kill, swap, answeredTwice }) => {
        for (const act of acts) {
          await (act === 'kill' ? kill() : swap())
          await answeredTwice()
        }
      },
    })
  }

  test('no wrong answer, no lost request beyond those of a killed process', async () => {
    const report = await run(versions({ 2: 2, 3: 3 }), ['swap', 'kill', 'swap', 'kill'])
    expect(soundness(report, 6)).toEqual([])
    expect(Object.keys(report.versions).sort()).toEqual(['2', '3'])
    expect([report.kills, report.swaps]).toEqual([2, 2])
  }, 120_000)

  test('the control: a version that computes something else is noticed', async () => {
    const report = await run(versions({ 2: 2, 3: 4 }), ['swap'])
    expect(soundness(report, 6)).toContainEqual(expect.stringContaining('wrong answers'))
  }, 120_000)
})

test('a router decides the version, shadows run beside, and everything is told', async () => {
  const folder = versions({ 1: 1, 2: 2 })
  const outcomes: Outcome[] = []
  const told = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => (outcomes.length >= count ? resolve() : setTimeout(look, 1))
      look()
    })
  const router: Router = {
    choose: ({ key, live, warm }) => ({
      version: key === 'canary' && warm.includes('1') ? '1' : live,
      shadows: warm.filter((version) => version !== live && key !== 'canary'),
    }),
    observe: (outcome) => {
      outcome.hold()
      outcomes.push(outcome)
    },
  }
  server = await serve(folder, { router })
  await server.core.registry.warm('scaled', '1')
  expect((await infer({ ...body(1, 2), parameters: { route_key: 'canary' } })).json.model_version).toBe('1')
  expect((await infer({ ...body(1, 2), id: 'q' })).json.model_version).toBe('2')
  await told(3)
  expect(outcomes.map(({ version, shadow }) => [version, shadow])).toEqual(
    [
      ['1', false],
      ['2', false],
      ['1', true],
    ].sort(
      (a, b) =>
        outcomes.findIndex((o) => o.version === a[0] && o.shadow === a[1]) -
        outcomes.findIndex((o) => o.version === b[0] && o.shadow === b[1]),
    ),
  )
  expect(outcomes.filter(({ requestId }) => requestId === 'q')).toHaveLength(2)
  expect(outcomes[0]!.inputsDigest()).toBe(outcomes[1]!.inputsDigest())
  await server.core.registry.promote('scaled', '1')
  await server.core.registry.retire('scaled', '2')
  expect((await infer(body(1, 2))).json.model_version).toBe('1')
}, 120_000)

test('keys: scopes, tenants that do not share answers, and rates', async () => {
  const [a, b, admin] = [makeKey('a', ['infer']), makeKey('b', ['infer', 'read']), makeKey('root', ['admin', 'read'])]
  server = await serve(versions({ 1: 1 }), {
    keys: [{ ...a.entry, requestsPerSecond: 0.001, burst: 1 }, b.entry, admin.entry],
    cacheBytes: 1 << 20,
  })
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
  const statuses = async (...calls: readonly Promise<{ status: number }>[]) =>
    (await Promise.all(calls)).map(({ status }) => status)
  expect(await statuses(infer(body(1, 2)), infer(body(1, 2), bearer('whet_wrong')))).toEqual([401, 401])
  expect(await statuses(ask(server.http, 'GET', '/v2/health/ready'))).toEqual([200])
  const load = (key: string) => ask(server!.http, 'POST', '/v2/repository/models/scaled/load', undefined, bearer(key))
  expect(await statuses(load(a.key), load(admin.key), infer(body(1, 2), bearer(admin.key)))).toEqual([403, 200, 403])

  expect((await infer(body(1, 2), bearer(b.key))).status).toBe(200)
  expect((await infer(body(1, 2), { 'x-api-key': b.key })).status).toBe(200)
  expect(server.core.cache).toMatchObject({ hits: 1, misses: 1 })
  expect((await infer(body(1, 2), bearer(a.key))).status).toBe(200)
  expect(server.core.cache).toMatchObject({ hits: 1, misses: 2 })
  const second = await infer(body(1, 2), bearer(a.key))
  expect([second.status, second.headers['retry-after'] !== undefined]).toEqual([429, true])
}, 120_000)

test('acts on the port of the clients are refused to web pages, other names and proxies', async () => {
  server = await serve(versions({ 1: 1 }))
  const load = (headers: Record<string, string>) =>
    ask(server!.http, 'POST', '/v2/repository/models/scaled/load', undefined, headers)
  for (const headers of [
    { origin: 'https://evil.example' },
    { host: 'evil.example' },
    { 'x-forwarded-for': '1.2.3.4' },
  ])
    expect((await load(headers)).status).toBe(403)
  expect((await load({})).status).toBe(200)
}, 120_000)

test('a model whose rows share a scale, and one that draws random numbers', async () => {
  const folder = modelFolder({
    'dynamic.onnx': `g (float[N,2] x) => (float[N,2] y) { q, s, z = DynamicQuantizeLinear(x)  y = DequantizeLinear(q, s, z) }`,
    'random.onnx': `g (float[N,2] x) => (float[N,2] y) { r = RandomUniformLike(x)  y = Add(x, r) }`,
  })
  server = await serve(folder, { cacheBytes: 1 << 20, settings: withPlan({ maxBatch: 8 }, { maxDelayMs: 5 }) })
  const config = (await ask(server.http, 'GET', '/v2/models/dynamic/config')).json
  expect([config.max_batch_size, config.parameters.batching.string_value]).toEqual([
    0,
    expect.stringContaining('DynamicQuantizeLinear'),
  ])
  const answers = await Promise.all([1, 1000, 1].map((x) => infer(body(x, 0.5), {}, '/v2/models/dynamic')))
  expect(answers[0]!.json.outputs).toEqual(answers[2]!.json.outputs)
  const draws = [await infer(body(0, 0), {}, '/v2/models/random'), await infer(body(0, 0), {}, '/v2/models/random')]
  expect(draws[0]!.json.outputs[0].data).not.toEqual(draws[1]!.json.outputs[0].data)
  rmSync(join(folder, 'random.onnx'))
}, 120_000)

test('an empty folder: ready, with a warning that nothing answers; what is put there later is loaded', async () => {
  const folder = modelFolder({})
  const lines: string[] = []
  server = await serve(folder, { log: jsonLog((line) => lines.push(line)) })
  expect((await ask(server.http, 'GET', '/v2/health/ready')).status).toBe(200)
  expect((await ask(server.http, 'POST', '/v2/repository/index')).json).toEqual([])
  const { status, json } = await infer(body(1, 2))
  expect([status, json.error]).toEqual([404, expect.stringMatching(/^Request for unknown model/)])
  expect(lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ level: 'warn', source: folder, hint: expect.stringContaining('/load') }),
  )
  writeModelText(join(folder, 'scaled.onnx'), scaled(2))
  expect((await act('load')).status).toBe(200)
  expect((await infer(body(1, 2))).json.outputs[0].data).toEqual([2, 4])
})

test('several models are made ready side by side, and the server is ready when all of them are', async () => {
  const atOnce = Math.min(3, availableParallelism())
  const folder = modelFolder(Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.onnx`, scaled(2)])))
  let there = 0
  let meet = () => {}
  const met = new Promise<void>((resolve) => {
    meet = resolve
  })
  const statuses: number[] = []
  let place = ''
  server = await serve(folder, {
    log: jsonLog((line) => {
      place ||= JSON.parse(line).http
    }),
    // Each waits for the others: one after another, they would never end.
    rehearse: async () => {
      if (++there === atOnce) meet()
      await met
      statuses.push((await ask(place, 'GET', '/v2/health/ready')).status)
      return { samples: [], invariance: { all: true } }
    },
  })
  expect(statuses).toEqual([503, 503, 503])
  expect((await ask(server.http, 'GET', '/v2/health/ready')).status).toBe(200)
  for (const name of ['a', 'b', 'c']) expect((await infer(body(1, 2), {}, `/v2/models/${name}`)).status).toBe(200)
}, 120_000)

test('a server stays ready while one more model is loaded', async () => {
  const folder = modelFolder({ 'scaled.onnx': scaled(2) })
  const ready = async () => (await ask(server!.http, 'GET', '/v2/health/ready')).status
  const seen: number[] = []
  server = await serve(folder, {
    rehearse: async (_, { model }) => {
      if (model === 'late') seen.push(await ready(), (await ask(server!.http, 'GET', '/v2/models/late/ready')).status)
      return { samples: [], invariance: { all: true } }
    },
  })
  writeModelText(join(folder, 'late.onnx'), scaled(3))
  expect((await act('load', undefined, 'late')).status).toBe(200)
  expect([...seen, await ready()]).toEqual([200, 503, 200])
}, 60_000)

test('a folder whose models all fail to load: not ready until one of them does', async () => {
  const folder = modelFolder({})
  writeFileSync(join(folder, 'scaled.onnx'), 'no model')
  const lines: string[] = []
  server = await serve(folder, { log: jsonLog((line) => lines.push(line)) })
  const ready = async () => (await ask(server!.http, 'GET', '/v2/health/ready')).status
  expect(await ready()).toBe(503)
  const messages = lines.map((line) => JSON.parse(line).message)
  expect(messages).toContain('not ready: none of the models could be loaded')
  expect(messages).not.toContain('ready')
  writeModelText(join(folder, 'scaled.onnx'), scaled(2))
  expect((await ask(server.http, 'POST', '/v2/repository/models/scaled/load')).status).toBe(200)
  expect(await ready()).toBe(200)
  expect((await infer(body(1, 2))).status).toBe(200)
}, 120_000)

/** A process starts within seconds, also where others use the machine. */
const PATIENT = { timeout: 30_000 }

test('a model that hangs on sample inputs: its load fails with the reason, and stops no others', async () => {
  const endless = `g (float[N] x) => (float[N] y) {
    most = Constant <value_int = 1000000000000> ()
    y = Loop <body: graph = b (int64 i, bool go, float[N] v) => (bool on, float[N] w) { on = Identity(go)  w = Neg(v) }>
      (most, "", x)
  }`
  const folder = modelFolder({ 'hang.onnx': endless, 'scaled.onnx': scaled(3) })
  const settings = withPlan({}, { runLimitMs: 500 })
  server = await serve(folder, {
    settings,
    rehearse: async (session) => {
      const x = session.inputs[0]!.shape!.length === 1 ? new Float32Array(1) : new Float32Array(2)
      const dims = x.length === 1 ? [1] : [1, 2]
      const sample = { x: { dtype: 'float32', dims, data: x } } as const
      // As a rehearsal that takes a run that fails for inputs which the model does not take.
      await session.run(sample).catch(() => {})
      return { samples: [], invariance: { all: true } }
    },
  })
  expect((await infer(body(1, 2))).json.outputs[0].data).toEqual([3, 6])
  expect((await ask(server.http, 'POST', '/v2/repository/index')).json).toContainEqual({
    name: 'hang',
    version: '1',
    state: 'UNAVAILABLE',
    reason: 'a run on sample inputs did not end within 0.5 seconds',
  })
  const load = await act('load', undefined, 'hang')
  expect([load.status, load.json.error]).toEqual([400, "failed to load 'hang': the runtime cannot run it"])
}, 60_000)

test('a file that is replaced does not come in through the end of a process, only through a load', async () => {
  const folder = versions({ 1: 2 })
  const file = join(folder, 'scaled/1/model.onnx')
  const loaded = readFileSync(file)
  const lines: string[] = []
  server = await serve(folder, { log: jsonLog((line) => lines.push(line)) })
  const status = async (path: string) => (await ask(server!.http, 'GET', path)).status
  const both = () => Promise.all(['/v2/health/ready', '/v2/models/scaled/ready'].map(status))
  writeModelText(file, scaled(10))
  // The one that was loaded answers for as long as its process lives.
  expect((await infer(body(1, 2))).json.outputs[0].data).toEqual([2, 4])
  process.kill(liveVersion().pid!, 'SIGKILL')
  await expect.poll(both, PATIENT).toEqual([503, 503])
  const refused = await infer(body(1, 2))
  expect([refused.status, refused.json.error]).toEqual([503, expect.stringContaining('loaded again')])
  expect((await ask(server.http, 'POST', '/v2/repository/index')).json).toEqual([
    { name: 'scaled', version: '1', state: 'UNAVAILABLE', reason: expect.stringContaining('replaced') },
  ])
  // The end of the process that found another file is waited for before it is told.
  const told = () =>
    lines.map((line) => JSON.parse(line)).find(({ level, where }) => level === 'error' && where === file)
  await expect.poll(() => told()?.hint, PATIENT).toMatch('/models/scaled/load')
  writeFileSync(file, loaded)
  await expect.poll(both, PATIENT).toEqual([200, 200])
  expect((await infer(body(1, 2))).json.outputs[0].data).toEqual([2, 4])

  writeModelText(file, scaled(10))
  process.kill(liveVersion().pid!, 'SIGKILL')
  await expect.poll(both, PATIENT).toEqual([503, 503])
  expect((await act('load')).status).toBe(200)
  expect(await both()).toEqual([200, 200])
  expect((await infer(body(1, 2))).json.outputs[0].data).toEqual([10, 20])
}, 120_000)

test.skipIf(process.platform !== 'linux')(
  'a load that leaves the models with more memory than they may have is taken back',
  async () => {
    const folder = versions({ 1: 2 })
    server = await serve(folder)
    const one = liveVersion().residentBytes!
    await server.close()
    const lines: string[] = []
    const settings = { ...withPlan({}), maxModelsBytes: 1.5 * one }
    server = await serve(folder, { settings, log: jsonLog((line) => lines.push(line)) })
    writeModelText(join(folder, 'scaled/2/model.onnx'), scaled(10))
    const { status, json } = await act('load')
    expect([status, json.error]).toEqual([400, "failed to load 'scaled': there is not enough memory"])
    expect(lines.join('\n')).toMatch(/with it the models take \d+ MiB, and may take \d+/)
    expect((await infer(body(1, 2))).json.model_version).toBe('1')
    expect((await act('unload')).status).toBe(200)
    expect((await act('load')).status).toBe(200)
    expect((await infer(body(1, 2))).json.model_version).toBe('2')
  },
  60_000,
)
