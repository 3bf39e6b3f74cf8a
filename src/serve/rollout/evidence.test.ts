import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { ask, modelFolder, serve, until, withPlan, writeModelText } from '../../../tests/serve-kit.ts'
import { type Database, openEmbedded, State } from '../../state/index.ts'
import { folderSource, makeKey, type ServeOptions, type Server, silentLog } from '../index.ts'
import { rolloutExtension } from './extension.ts'

/** What counts for and against a version, with real models behind a real server. */

const LONG = 300_000
const net = (input: string, shape: string, by = 1) =>
  `g (float[${shape}] ${input}) => (float[${shape}] y) <float[2] k = {1, ${by}}> { y = Mul(${input}, k) }`
/** Takes a tenth of a second and more. */
const SLOW = `g (float[N,2] x) => (float[N,2] y) <float zero = {0}, int64[2] size = {600, 600}, int64[2] one = {1, 1}> {
  s = ReduceSum(x)  z = Mul(s, zero)  m0 = Expand(z, size)
  ${Array.from({ length: 12 }, (_, i) => `m${i + 1} = MatMul(m${i}, m${i})`).join('  ')}
  r = ReduceMax(m12)  y = Add(x, r)
}`
const folder = modelFolder({
  'm/1/model.onnx': net('x', 'N,2'),
  'm/2/model.onnx': net('x', '1,2'),
  'm/3/model.onnx': net('input', 'N,2'),
  'm/4/model.onnx': net('x', 'N,2', -1),
  'm/5/model.onnx': net('x', 'N,2'),
  'm/6/model.onnx': SLOW,
  't/1/model.onnx': 'g (int64[N] i) => (float[N] y) <float[4] t = {5, 6, 7, 8}> { y = Gather(t, i) }',
  't/2/model.onnx': 'g (int64[N] i) => (float[N] y) <float[2] t = {5, 6}> { y = Gather(t, i) }',
  's/1/model.onnx': SLOW,
  's/2/model.onnx': SLOW,
})
const [ONE_ROW, RENAMED, WRONG, SAME, LATE] = ['2', '3', '4', '5', '6'] as const

const database = openEmbedded(null)
afterAll(() => database.close(), LONG)
/** The database outlives the servers of this file, as a folder would. */
const kept: Database = { where: 'memory', run: (statements) => database.run(statements), close: async () => {} }
const state = new State(kept)

let server: Server
const errors: string[] = []
const log = { ...silentLog, error: (text: string) => errors.push(text) }
const open = async (options: Partial<ServeOptions> = {}) => {
  errors.length = 0
  const extension = await rolloutExtension({ source: folderSource(folder), state, remembered: true, log })
  server = await serve(folder, { source: extension.source, extension, settings: withPlan({ maxBatch: 1 }), ...options })
  await server.core.registry.load('m', '1')
}
afterEach(() => server.close())

const start = (body: object) => ask(server.admin, 'POST', '/v2/rollouts/m/start', { maxSlowdown: null, ...body })
const status = async () => (await ask(server.admin, 'GET', '/v2/rollouts/m')).json
const infer = (id: string, rows: number) =>
  ask(server.http, 'POST', '/v2/models/m/infer', {
    id,
    parameters: { route_key: id },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 2], data: Array.from({ length: 2 * rows }, (_, i) => i) }],
  })
/** Shadows answer when there is time. */

test.each(['shadow', 'canary'])(
  'in the %s, requests that the candidate alone refuses are its failures, and the live version answers them',
  async (mode) => {
    await open()
    for (const candidate of [ONE_ROW, RENAMED]) {
      expect((await start({ candidate, mode, ...(mode === 'canary' ? { share: 0.5 } : {}) })).status).toBe(200)
      let sent = 0
      for (; sent < 600 && (await status()).state === 'running'; sent++) {
        const { status, json } = await infer(`${candidate}-${sent}`, 1 + (sent % 2))
        expect([status, json.outputs?.[0].shape]).toEqual([200, [1 + (sent % 2), 2]])
        if (sent % 2 || candidate === RENAMED) expect(json.model_version).toBe('1')
      }
      expect(await status()).toMatchObject({ state: 'rolled-back', alarm: 'errors', failures: { base: 0 } })
    }
  },
  LONG,
)

test(
  'what fails while the canary runs it, the live version answers',
  async () => {
    await open()
    await server.core.registry.load('t', '1')
    const path = '/v2/rollouts/t'
    await ask(server.admin, 'POST', `${path}/start`, { candidate: '2', mode: 'canary', share: 1 })
    const gather = (index: number) =>
      ask(server.http, 'POST', '/v2/models/t/infer', {
        inputs: [{ name: 'i', datatype: 'INT64', shape: [1], data: [index] }],
      })
    expect((await gather(1)).json).toMatchObject({ model_version: '2', outputs: [{ data: [6] }] })
    for (let i = 0; i < 5; i++)
      expect((await gather(3)).json).toMatchObject({ model_version: '1', outputs: [{ data: [8] }] })
    // Beyond both tables.
    expect((await gather(7)).status).toBe(400)
    await until(async () => (await ask(server.admin, 'GET', path)).json.pairs === 7)
    expect((await ask(server.admin, 'GET', path)).json).toMatchObject({
      state: 'running',
      failures: { candidate: 6, base: 1 },
    })
    await ask(server.admin, 'POST', `${path}/stop`)
  },
  LONG,
)

test(
  'a parameter that a client writes wrong is no failure of the canary',
  async () => {
    await open()
    await start({ candidate: SAME, mode: 'canary', share: 1 })
    for (const parameters of [{ timeout: 'soon' }, { priority: -1 }]) {
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }]
      expect((await ask(server.http, 'POST', '/v2/models/m/infer', { parameters, inputs })).status).toBe(400)
    }
    await infer('right', 1)
    await until(async () => (await status()).pairs > 0)
    expect(await status()).toMatchObject({ pairs: 1, failures: { base: 0, candidate: 0 } })
    await ask(server.admin, 'POST', '/v2/rollouts/m/stop')
  },
  LONG,
)

test(
  'what both versions refuse is the fault of neither',
  async () => {
    await open()
    await start({ candidate: ONE_ROW, mode: 'canary', share: 1 })
    for (let i = 0; i < 50; i++) {
      const { status } = await ask(server.http, 'POST', '/v2/models/m/infer', {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
      })
      expect(status).toBe(400)
    }
    expect(await status()).toMatchObject({ state: 'running', pairs: 0, failures: { base: 0, candidate: 0 } })
    await ask(server.admin, 'POST', '/v2/rollouts/m/stop')
  },
  LONG,
)

test.each(['shadow', 'canary'])(
  'in the %s, the patience of a client is no fault of the version whose run it ends',
  async (mode) => {
    await open()
    await server.core.registry.load('s', '1')
    const path = '/v2/rollouts/s'
    await ask(server.admin, 'POST', `${path}/start`, {
      candidate: '2',
      mode,
      ...(mode === 'canary' ? { share: 1 } : {}),
    })
    const pairs = async () => (await ask(server.admin, 'GET', path)).json
    for (let i = 1; i <= 5; i++) {
      const { status } = await ask(server.http, 'POST', '/v2/models/s/infer', {
        parameters: { timeout: 20_000 },
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [i, 2] }],
      })
      expect(status).toBe(504)
      await until(async () => (await pairs()).pairs === i)
    }
    expect(await pairs()).toMatchObject({ state: 'running', disagreements: 0, failures: { base: 0, candidate: 0 } })
    await ask(server.admin, 'POST', `${path}/stop`)
  },
  LONG,
)

test(
  'requests without rows are no evidence',
  async () => {
    await open()
    await start({ candidate: WRONG, margin: 0.3, alpha: 0.05 })
    for (let i = 0; i < 100; i++) expect((await infer(`none-${i}`, 0)).json.outputs[0].shape).toEqual([0, 2])
    await infer('one', 1)
    await until(async () => (await status()).pairs > 0)
    expect(await status()).toMatchObject({ state: 'running', pairs: 1, disagreements: 1 })
    await ask(server.admin, 'POST', '/v2/rollouts/m/stop')
  },
  LONG,
)

test(
  'unloading the model ends its rollout, and another may begin when it is back',
  async () => {
    await open()
    await start({ candidate: SAME })
    await infer('before', 1)
    const act = (act: string) => ask(server.http, 'POST', `/v2/repository/models/m/${act}`)
    expect((await act('unload')).status).toBe(200)
    expect(await status()).toMatchObject({ state: 'stopped', reason: 'stopped: the model was unloaded' })
    expect((await act('load')).status).toBe(200)
    expect((await infer('after', 1)).json.model_version).toBe('1')
    // Begins when the end of the last one is written.
    expect((await start({ candidate: SAME })).status).toBe(200)
    expect(errors).toEqual([])
    // A load by hand ends it at once too, not with the next request.
    await server.core.registry.load('m', WRONG)
    expect(await status()).toMatchObject({ state: 'stopped', reason: 'stopped: version 4 was made live by somebody' })
    await until(async () => (await state.audit()).entries.at(-1)?.act === 'rollout-stopped')
    expect(errors).toEqual([])
  },
  LONG,
)

test(
  'the live version loaded again ends its rollout where its file is another model now, and only there',
  async () => {
    await open()
    writeModelText(join(folder, 'r/1/model.onnx'), net('x', 'N,2'))
    writeModelText(join(folder, 'r/2/model.onnx'), net('x', 'N,2', 2))
    const { registry } = server.core
    await registry.load('r', '1')
    const path = '/v2/rollouts/r'
    await ask(server.admin, 'POST', `${path}/start`, { candidate: '2' })
    await registry.load('r', '1')
    expect((await ask(server.admin, 'GET', path)).json.state).toBe('running')
    writeModelText(join(folder, 'r/1/model.onnx'), net('x', 'N,2', 3))
    await registry.load('r', '1')
    expect((await ask(server.admin, 'GET', path)).json).toMatchObject({
      state: 'stopped',
      reason: 'stopped: version 1 was loaded again, and is another model',
    })
    // Nor does it go on where the file was replaced while no server ran.
    await ask(server.admin, 'POST', `${path}/start`, { candidate: '2' })
    await server.close()
    writeModelText(join(folder, 'r/1/model.onnx'), net('x', 'N,2', 4))
    await open()
    expect((await ask(server.admin, 'GET', path)).json).toMatchObject({
      state: 'stopped',
      reason: expect.stringContaining('version 1 is another model now'),
    })
  },
  LONG,
)

test(
  'a label is taken from whoever may use the model, and from nobody else',
  async () => {
    const [own, other] = [makeKey('own', ['infer']), makeKey('other', ['infer'])]
    await open({
      keys: [
        { ...own.entry, models: ['m'] },
        { ...other.entry, models: ['n'] },
      ],
    })
    const label = async (key: string, body: object) =>
      (await ask(server.http, 'POST', '/feedback', body, { authorization: `Bearer ${key}` })).status
    const one = { model: 'm', id: '1', label: 1 }
    expect(await label(own.key, one)).toBe(200)
    expect(await label(other.key, one)).toBe(403)
    expect(await label(own.key, { model: 'm', feedback: [one, { ...one, model: 'n' }] })).toBe(403)
  },
  LONG,
)

test(
  'a server that ends does not wait for every shadow, and those that it ends are no failures',
  async () => {
    await open({ drainMs: 200 })
    const { json } = await start({ candidate: LATE, margin: 0.001 })
    await Promise.all(Array.from({ length: 40 }, (_, i) => infer(`end-${i}`, 1)))
    await server.close()
    const [last] = await state.rollouts('m')
    expect(last).toMatchObject({
      id: json.id,
      body: { state: { state: 'running', failures: { base: 0, candidate: 0 } } },
    })
    await open()
    expect((await ask(server.admin, 'POST', '/v2/rollouts/m/stop')).status).toBe(200)
  },
  LONG,
)
