import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { reportIn } from '../../../tests/schema.ts'
import { ask, modelFolder, serve, until, withPlan } from '../../../tests/serve-kit.ts'
import { inShare } from '../../rollout/index.ts'
import { type Database, openEmbedded, State } from '../../state/index.ts'
import { folderSource, type Server, silentLog } from '../index.ts'
import { drill } from './drill.ts'
import { rolloutExtension } from './extension.ts'

const LONG = 300_000
/** Chooses the greater of two numbers, after the second was multiplied by `by`. */
const chooser = (by: number) => `g (float[N,2] x) => (float[N,2] y) <float[2] k = {1, ${by}}> { y = Mul(x, k) }`
const folder = modelFolder({
  'm/1/model.onnx': chooser(1),
  'm/2/model.onnx': chooser(2),
  'm/3/model.onnx': chooser(1.01),
})

const database = openEmbedded(null)
afterAll(() => database.close(), LONG)
let away = false
/** The database outlives the servers of this file, as a folder would. */
const kept: Database = {
  where: 'memory',
  run: (statements) => (away ? Promise.reject(new Error('connection refused')) : database.run(statements)),
  close: async () => {},
}
const state = new State(kept)

let server: Server | null = null
const open = async (live: string | null, auditPath: string | null = null) => {
  const extension = await rolloutExtension({
    source: folderSource(folder),
    state,
    remembered: true,
    unwritten: join(folder, '.unwritten'),
    log: silentLog,
  })
  server = await serve(folder, { source: extension.source, extension, auditPath, settings: withPlan({ maxBatch: 1 }) })
  if (live !== null) await server.core.registry.load('m', live)
}
const close = async () => {
  await server?.close()
  server = null
}
afterEach(close)

const call = (method: 'GET' | 'POST', path: string, body?: object) => ask(server!.admin, method, path, body)
const start = (body: object) => call('POST', '/v2/rollouts/m/start', { maxSlowdown: null, ...body })
const infer = (id: string, data: readonly number[], key = id) =>
  ask(server!.http, 'POST', '/v2/models/m/infer', {
    id,
    parameters: { route_key: key },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data }],
  })
const label = (id: string, label: number) => ask(server!.http, 'POST', '/feedback', { model: 'm', id, label })
const status = async () => (await call('GET', '/v2/rollouts/m')).json
/** Shadows answer when there is time. */
/** Of ten requests, one lies where versions 1 and 2 choose differently. */
const row = (i: number) => (i % 10 === 0 ? [1.5, 1] : i % 2 ? [3, 1] : [1, 3])

test(
  'a worse version in the shadow is rolled back, and stays back over a restart',
  async () => {
    const audit = join(folder, '.audit.jsonl')
    await open('1', audit)
    const started = await start({ candidate: '2' })
    expect([started.status, started.json.state, started.json.base.version]).toEqual([200, 'running', '1'])
    reportIn(JSON.stringify(started.json), 'rollout')
    expect((await start({ candidate: '2' })).status).toBe(409)

    let sent = 0
    for (; sent < 5000 && (await status()).state === 'running'; sent++)
      expect((await infer(`a${sent}`, row(sent))).json.model_version).toBe('1')
    const ended = await status()
    expect(ended).toMatchObject({ state: 'rolled-back', verdict: 'regressed', alarm: 'disagreement' })
    expect(ended.eValue).toBeGreaterThanOrEqual(100)
    reportIn(JSON.stringify(ended), 'rollout')

    await until(async () => (await ask(server!.http, 'GET', '/v2/models/m/versions/2')).status === 404)
    const { json: incident } = await call('GET', `/v2/incidents/${ended.incident}`)
    const [one, two] = [1, 2].map((version) => join(folder, `m/${version}/model.onnx`))
    expect(incident.runbook).toContain(`whet compare ${one} ${two} --data YOUR_ROWS`)
    reportIn(JSON.stringify(incident), 'incident')
    expect(incident).toMatchObject({ alarm: 'disagreement', drill: false, served: { 1: expect.any(Number) } })
    expect(incident.inputs[0].digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(incident.candidate.digest).toMatch(/^sha256:/)
    const acknowledged = await call('POST', `/v2/incidents/${ended.incident}/ack`, { note: 'seen' })
    expect(acknowledged.json.acknowledged).toMatchObject({ note: 'seen' })
    for (const method of ['GET', 'POST'] as const)
      expect(await call(method, `/v2/incidents/i-none${method === 'GET' ? '' : '/ack'}`)).toMatchObject({
        status: 404,
        json: { error: 'there is no incident "i-none"' },
      })
    const acts = readFileSync(audit, 'utf8').trim().split('\n')
    expect(acts.map((line) => JSON.parse(line)).map(({ act, model, outcome }) => [act, model, outcome])).toEqual([
      ['rollout-start', 'm', 'done'],
      ['rollout-start', 'm', 'failed'],
      ['incident-ack', 'm', 'done'],
      ['incident-ack', 'i-none', 'failed'],
    ])
    expect((await call('GET', '/v2/incidents')).json.incidents).toHaveLength(1)
    expect((await call('GET', '/v2/incidents/i-none')).status).toBe(404)

    const metrics = (await ask(server!.http, 'GET', '/metrics')).body.toString()
    expect(metrics).toContain('whetstone_rollbacks_total 1')
    expect(metrics).toMatch(/whetstone_rollout_running\{model="m",base="1",candidate="2"\} 0/)

    await close()
    await open(null)
    // Version 3 is the newest, and was known when version 2 was rolled back.
    expect((await infer('again', [1, 3])).json.model_version).toBe('1')
  },
  LONG,
)

test(
  'a canary is sticky, goes on after a restart, and labels take it back',
  async () => {
    await open('1')
    await start({ candidate: '2', mode: 'canary', share: 0.5, labels: true })
    const versions = new Map<string, string>()
    const ask50 = async (round: number) => {
      for (let i = 0; i < 50; i++) {
        const { json } = await infer(`b${round}-${i}`, row(i + round), `user-${i}`)
        const before = versions.get(`user-${i}`)
        if (before && (await status()).state === 'running') expect(json.model_version).toBe(before)
        versions.set(`user-${i}`, json.model_version)
        // What the better of the two says is right.
        const [a, b] = row(i + round)
        expect((await label(`b${round}-${i}`, a! >= b! ? 0 : 1)).status).toBe(200)
      }
    }
    await ask50(0)
    expect(new Set(versions.values())).toEqual(new Set(['1', '2']))
    await until(async () => (await status()).labelled > 5)
    const { pairs, labelled } = await status()

    await close()
    await open(null)
    const after = await status()
    expect(after.state).toBe('running')
    // Shadows that were still running when the server ended count too.
    expect(after.pairs).toBeGreaterThanOrEqual(pairs)
    expect(after.labelled).toBeGreaterThanOrEqual(labelled)
    for (let round = 1; round < 20 && (await status()).state === 'running'; round++) await ask50(round)
    const ended = await status()
    expect(ended).toMatchObject({ state: 'rolled-back', alarm: 'loss', discordant: { candidateOnly: 0 } })
    expect((await infer('c', [1, 3], 'user-1')).json.model_version).toBe('1')
    const { json: incident } = await call('GET', `/v2/incidents/${ended.incident}`)
    expect(Object.keys(incident.served).sort()).toEqual(['1', '2'])
  },
  LONG,
)

test(
  'a canary takes just the share of the keys that was asked for, and every key stays where it is',
  async () => {
    await open('1')
    const share = 0.2
    // Rows on which both choose alike, and a margin that so few cannot prove: it runs to the end of the test.
    const { json } = await start({ candidate: '3', mode: 'canary', share, margin: 0.001 })
    const keys = Array.from({ length: 400 }, (_, i) => `key-${i}`)
    const versionOf = async (key: string, turn: string) =>
      (await infer(`s${turn}-${key}`, [3, 1], key)).json.model_version as string
    const first = await Promise.all(keys.map((key) => versionOf(key, 'a')))
    expect(first.map((version) => version === '3')).toEqual(keys.map((key) => inShare(key, json.id, share)))
    const taken = first.filter((version) => version === '3').length
    // Four standard deviations of a binomial count.
    expect(Math.abs(taken - share * keys.length)).toBeLessThan(4 * Math.sqrt(keys.length * share * (1 - share)))
    expect(await Promise.all(keys.map((key) => versionOf(key, 'b')))).toEqual(first)
    expect((await status()).state).toBe('running')
    expect((await call('POST', '/v2/rollouts/m/stop')).status).toBe(200)
    expect(new Set(await Promise.all(keys.slice(0, 50).map((key) => versionOf(key, 'c'))))).toEqual(new Set(['1']))
  },
  LONG,
)

test(
  'a caller who gives no keys sends the candidate its share, not all or nothing',
  async () => {
    await open('1')
    await start({ candidate: '3', mode: 'canary', share: 0.2, margin: 0.001 })
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [3, 1] }]
    const answers = await Promise.all(
      Array.from({ length: 400 }, () => ask(server!.http, 'POST', '/v2/models/m/infer', { id: 'same', inputs })),
    )
    const taken = answers.filter(({ json }) => json.model_version === '3').length
    // Six standard deviations of a binomial count around 80.
    expect(Math.abs(taken - 80)).toBeLessThan(48)
    expect((await call('POST', '/v2/rollouts/m/stop')).status).toBe(200)
  },
  LONG,
)

test(
  'a version that is nearly the same is proven and goes live; the old one is let go',
  async () => {
    await open('1')
    await start({ candidate: '3', margin: 0.3, alpha: 0.05 })
    for (let i = 0; i < 2000 && (await status()).state === 'running'; i++) await infer(`d${i}`, row(i))
    expect(await status()).toMatchObject({ state: 'promoted', verdict: 'pass', incident: null })
    await until(async () => (await ask(server!.http, 'GET', '/v2/models/m/versions/1')).status === 404)
    expect((await infer('e', [1, 3])).json.model_version).toBe('3')
  },
  LONG,
)

describe('what is refused, and what ends a rollout', () => {
  test(
    'wrong settings, versions and names; a stop; a load by hand; the log of acts',
    async () => {
      await open('1')
      const refused = async (body: object) => (await start(body)).status
      expect(await refused({ candidate: 'none' })).toBe(404)
      expect(await refused({ candidate: '1' })).toBe(400)
      expect(await refused({ candidate: '2', alpha: 2 })).toBe(400)
      expect(await refused({ candidate: '2', mode: 'both' })).toBe(400)
      expect(await refused({ candidate: '2', constructor: 1 })).toBe(400)
      expect(await refused({})).toBe(400)
      expect((await call('POST', '/v2/rollouts/nobody/start', { candidate: '1' })).status).toBe(404)
      expect((await call('POST', '/v2/rollouts/m/stop')).status).toBe(404)
      expect((await ask(server!.http, 'POST', '/v2/rollouts/m/stop')).status).toBe(404)
      expect((await ask(server!.http, 'POST', '/feedback', { model: 'm', id: 'x' })).status).toBe(400)
      expect((await label('x', 1)).json).toEqual({ joined: 0, waiting: 0, unusable: 1 })

      await start({ candidate: '2' })
      expect((await call('POST', '/v2/rollouts/m/stop')).json).toMatchObject({
        state: 'stopped',
        verdict: 'inconclusive',
      })
      await start({ candidate: '2' })
      await server!.core.registry.load('m', '3')
      await infer('f', [1, 3])
      expect(await status()).toMatchObject({
        state: 'stopped',
        reason: expect.stringContaining('made live by somebody'),
      })
      await until(async () => (await state.audit()).entries.at(-1)?.act === 'rollout-stopped')
      const { entries, brokenAt } = await state.audit()
      expect(brokenAt).toBeNull()
      expect(entries.slice(-4).map(({ act }) => act)).toEqual([
        'rollout-start',
        'rollout-stopped',
        'rollout-start',
        'rollout-stopped',
      ])
    },
    LONG,
  )

  test(
    'one id for many requests pairs rightly, and its label is not guessed',
    async () => {
      await open('1')
      await start({ candidate: '2' })
      await Promise.all(Array.from({ length: 20 }, (_, i) => infer('same', i % 2 ? [3, 1] : [1, 3])))
      await until(async () => (await status()).pairs >= 20)
      expect(await status()).toMatchObject({ pairs: 20, disagreements: 0 })
      expect((await label('same', 1)).json).toEqual({ joined: 0, waiting: 0, unusable: 1 })
      await call('POST', '/v2/rollouts/m/stop')
    },
    LONG,
  )
})

test(
  'a verdict that the database has not taken outlives the server that found it',
  async () => {
    await open('1')
    const { id } = (await start({ candidate: '2' })).json
    const state = async () => (await status()).state
    away = true
    try {
      for (let i = 0; (await state()) === 'running'; i++) await infer(`a${i}`, row(10))
      expect(await state()).toBe('rolled-back')
      await close()
    } finally {
      away = false
    }
    await open('1')
    expect(await status()).toMatchObject({ id, state: 'rolled-back', verdict: 'regressed' })
    expect((await call('GET', '/v2/incidents')).json.incidents[0].rollout).toBe(id)
  },
  LONG,
)

test(
  'a drill goes the whole way',
  async () => {
    const report = await drill(state, { seed: 1, runs: 3 })
    expect(report.machinery.steps.filter(({ passed }) => !passed)).toEqual([])
    expect(report.passed).toBe(true)
    reportIn(JSON.stringify(report), 'drill')
    expect((await state.incidents()).some(({ drill }) => drill)).toBe(true)
  },
  LONG,
)

test(
  'drift: what is usual is learnt, a change is seen, and it is known after a restart',
  async () => {
    const watched = async () => {
      const extension = await rolloutExtension({
        source: folderSource(folder),
        state,
        remembered: true,
        log: silentLog,
        watch: { reference: 60, window: 30, alpha: 0.01 },
      })
      server = await serve(folder, { source: extension.source, extension })
    }
    const look = async () => (await call('GET', '/v2/drift/m')).json
    await watched()
    expect((await call('GET', '/v2/drift/m')).status).toBe(404)
    let sent = 0
    const usual = async (shift: number) => {
      sent++
      return infer('d', [1 + shift + ((sent * 37) % 101) / 101, 1.5 + ((sent * 53) % 89) / 89])
    }
    await until(async () => (await usual(0)).status === 200 && (await look()).looks === 1)
    expect(await look()).toMatchObject({ reference: 60, state: 'usual', estimate: { now: expect.any(Number) } })
    await close()
    await watched()
    await until(async () => (await usual(5)).status === 200 && (await look()).looks >= 3)
    const changed = await look()
    reportIn(JSON.stringify(changed), 'drift')
    expect(changed).toMatchObject({ state: 'drifted', reference: 60, outside: 1 })
    const drifted = (name: string) =>
      changed.features.find((feature: { name: string }) => feature.name === name).drifted
    expect([drifted('x mean'), drifted('y')]).toEqual([true, true])
    const metrics = (await call('GET', '/metrics')).body.toString()
    expect(metrics).toMatch(/whetstone_drifted\{model="m",version="\d+",feature="x mean"\} 1/)
  },
  LONG,
)
