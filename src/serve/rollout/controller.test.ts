import { expect, test } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import { type Change, State } from '../../state/index.ts'
import { silentLog } from '../log.ts'
import type { Outcome } from '../router.ts'
import { ServeError } from '../serve-error.ts'
import type { ServerEvent } from '../webhooks.ts'
import { answerOf, disagreementOf, lossOf } from './answers.ts'
import { RolloutController } from './controller.ts'
import type { Fleet } from './fleet.ts'
import type { DriftMonitor } from './monitor.ts'
import { rolloutRoutes } from './routes.ts'

/** A state whose database is away, or slow, when it is told so. */
class Flaky extends State {
  away = false
  /** Does the next thing and cannot say so. */
  lost = false
  slow: Promise<void> | null = null
  refusals = 0
  readonly changes: Change[] = []
  constructor() {
    super({ where: 'nowhere', run: async () => [], close: async () => {} })
  }
  override async keep(change: Change): Promise<void> {
    await this.slow
    if (this.away) {
      this.refusals++
      throw new Error('connection refused')
    }
    this.changes.push(change)
    if (!this.lost) return
    this.lost = false
    throw new Error('Connection terminated')
  }
}

const fleetOf = (live: { version: string }, acts: string[]): Fleet => ({
  stopping: false,
  live: () => live.version,
  find: async (_name, version) => ({ version, known: ['1', '2'] }),
  warm: async (_name, version) => acts.push(`warm ${version}`),
  load: async (_name, version) => acts.push(`load ${version}`),
  promote: async (_name, version) => {
    live.version = version
    acts.push(`promote ${version}`)
  },
  retire: async (_name, version) => acts.push(`retire ${version}`),
  side: async (_name, version) => ({ version, digest: null, signatures: [] }),
  changed: async () => 0.07,
})

const tensor = (name: string, dims: readonly number[], values: readonly number[]) =>
  bytesOfValue(name, { dtype: 'float32', dims, data: Float32Array.from(values) })

function send(controller: RolloutController, live: string, changed: boolean, error: Outcome['error'] = null): string {
  const inputs = [tensor('x', [1], [1])]
  const request = { requestId: 'r', model: 'm', tenant: '', key: 'k', live, warm: ['1', '2'] }
  const route = controller.choose(request)
  const told = (version: string, shadow: boolean): Outcome => ({
    requestId: 'r',
    model: 'm',
    version,
    tenant: '',
    shadow,
    inputs,
    inputsDigest: () => 'sha256:0',
    hold: () => () => {},
    outputs: shadow && error ? null : [tensor('y', [1, 2], version === '2' && changed ? [0, 1] : [1, 0])],
    run: { ms: 1, rows: 1 },
    error: shadow ? error : null,
  })
  controller.observe(told(route.version, false))
  for (const shadow of route.shadows ?? []) controller.observe(told(shadow, true))
  return route.version
}

test('while the database is away, answers and rollbacks go on; it is told when it is back', async () => {
  const [state, acts, live] = [new Flaky(), [] as string[], { version: '1' }]
  const told: ServerEvent[] = []
  const notify = (event: ServerEvent) => told.push(event)
  const controller = new RolloutController(state, fleetOf(live, acts), silentLog, { notify })
  const { settings } = await controller.start('m', { candidate: '2' }, 'ann')
  // What the evidence said changes, and the margin.
  expect(settings.maxDisagreement).toBeCloseTo(0.08, 12)
  state.away = true
  for (let i = 0; i < 100; i++) expect(send(controller, '1', true)).toBe('1')
  expect((await controller.status('m')).state).toBe('rolled-back')
  // Whoever must know is told at once, database or not.
  expect(told).toMatchObject([{ event: 'rollout-rolled-back', data: { kind: 'incident', name: 'm' } }])
  while (state.refusals === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  state.away = false
  await controller.settled()
  expect(acts).toEqual(['warm 2', 'retire 2'])
  const last = state.changes.at(-1)!
  expect(last).toMatchObject({
    rollout: { state: 'rolled-back' },
    live: { version: '1', known: ['1', '2'] },
    audit: { act: 'rollout-rolled-back' },
    incident: { served: { 1: expect.any(Number) } },
  })
  await controller.close()
})

test('a rollout begins when the end of the last one is written: its candidate stays', async () => {
  const [state, acts] = [new Flaky(), [] as string[]]
  const controller = new RolloutController(state, fleetOf({ version: '1' }, acts), silentLog)
  await controller.start('m', { candidate: '2' }, 'ann')
  let hurry = () => {}
  state.slow = new Promise((resolve) => {
    hurry = resolve
  })
  for (let i = 0; i < 100; i++) send(controller, '1', true)
  expect((await controller.status('m')).state).toBe('rolled-back')
  const again = controller.start('m', { candidate: '2' }, 'ann')
  // As far as it gets by itself.
  await new Promise((resolve) => setTimeout(resolve, 20))
  hurry()
  expect((await again).state).toBe('running')
  await controller.settled()
  expect(acts).toEqual(['warm 2', 'retire 2', 'warm 2'])
  expect(state.changes.map(({ audit }) => audit?.act)).toEqual([
    'rollout-start',
    'rollout-rolled-back',
    'rollout-start',
  ])
  await controller.close()
})

test('a candidate of which something cannot be read is let go again', async () => {
  for (const part of ['changed', 'side'] as const) {
    const acts: string[] = []
    const unreadable = () => Promise.reject(new Error('the version is damaged'))
    const fleet = { ...fleetOf({ version: '1' }, acts), [part]: unreadable }
    const controller = new RolloutController(new Flaky(), fleet, silentLog)
    await expect(controller.start('m', { candidate: '2' }, 'ann')).rejects.toThrow('the version is damaged')
    expect(acts).toEqual(['warm 2', 'retire 2'])
    expect([...controller.rollouts]).toEqual([])
    await controller.close()
  }
})

test('a rollout that cannot be remembered does not begin', async () => {
  const [state, acts] = [new Flaky(), [] as string[]]
  state.away = true
  const controller = new RolloutController(state, fleetOf({ version: '1' }, acts), silentLog)
  await expect(controller.start('m', { candidate: '2' }, 'ann')).rejects.toMatchObject({ code: 'unavailable' })
  expect(acts).toEqual(['warm 2', 'retire 2'])
  expect(controller.choose({ requestId: '', model: 'm', tenant: '', key: '', live: '1', warm: ['1', '2'] })).toEqual({
    version: '1',
  })
})

test('a start whose answer was lost is taken back, and the next one begins', async () => {
  const [state, acts] = [new Flaky(), [] as string[]]
  const controller = new RolloutController(state, fleetOf({ version: '1' }, acts), silentLog)
  state.lost = true
  await expect(controller.start('m', { candidate: '2' }, 'ann')).rejects.toMatchObject({ code: 'unavailable' })
  await controller.start('m', { candidate: '2' }, 'ann')
  const written = state.changes.map(({ rollout }) => [rollout!.id === state.changes[0]!.rollout!.id, rollout!.state])
  expect(written).toEqual([
    [true, 'running'],
    [true, 'stopped'],
    [false, 'running'],
  ])
  await controller.close()
})

test('from the proof on the candidate answers; then the old version goes', async () => {
  const [state, acts, live] = [new Flaky(), [] as string[], { version: '1' }]
  const controller = new RolloutController(state, fleetOf(live, acts), silentLog)
  await controller.start('m', { candidate: '2', margin: 0.2 }, 'ann')
  let answered = '1'
  for (let i = 0; i < 300 && answered === '1'; i++) answered = send(controller, live.version, false)
  expect(answered).toBe('2')
  await controller.settled()
  expect(acts).toEqual(['warm 2', 'promote 2', 'retire 1'])
  expect(send(controller, live.version, true)).toBe('2')
})

test('what clients cancel or wait for no longer and queues drop says nothing of a version; what falls does', async () => {
  const failing = async (code: string) => {
    const controller = new RolloutController(new Flaky(), fleetOf({ version: '1' }, []), silentLog)
    await controller.start('m', { candidate: '2' }, 'ann')
    for (let i = 0; i < 50; i++) send(controller, '1', false, { code, message: '' })
    const { state, alarm, pairs } = await controller.status('m')
    return [state, alarm, pairs > 0]
  }
  expect(await failing('cancelled')).toEqual(['running', null, false])
  expect(await failing('too-many')).toEqual(['running', null, false])
  expect(await failing('timeout')).toEqual(['running', null, false])
  expect((await failing('unavailable'))[0]).toBe('rolled-back')
})

test('answers: choices, nearness, holes; losses of classes and quantities', () => {
  const logits = (...values: number[]) => [tensor('y', [values.length / 2, 2], values)]
  expect(disagreementOf(logits(1, 2, 3, 1), logits(5, 6, 1, 3))).toBe(0.5)
  expect(disagreementOf(logits(1, 2), logits(Number.NaN, 2))).toBe(1)
  expect(disagreementOf(logits(1, 2), [])).toBe(1)
  const values = (...values: number[]) => [tensor('y', [values.length], values)]
  expect(disagreementOf(values(100, 100), values(101, 120))).toBe(0.5)
  const ids = (...values: number[]) => [
    bytesOfValue('label', { dtype: 'int32', dims: [values.length], data: Int32Array.from(values) }),
  ]
  expect(disagreementOf(ids(1, 2, 3, 4), ids(1, 2, 3, 5))).toBe(0.25)
  expect(lossOf(answerOf(logits(1, 2, 3, 1))!, [1, 1])).toBe(0.5)
  expect(lossOf(answerOf(ids(7))!, ['7'])).toBe(0)
  expect(lossOf(answerOf(values(8))!, [10])).toBeCloseTo(0.2, 12)
  expect(lossOf(answerOf(values(8))!, [10, 11])).toBeNull()
  const long = (dtype: 'int64' | 'uint64', ...values: bigint[]) => {
    const data = dtype === 'int64' ? BigInt64Array.from(values) : BigUint64Array.from(values)
    return [bytesOfValue('id', { dtype, dims: [values.length], data })]
  }
  for (const [dtype, large] of [
    ['int64', -(2n ** 62n)],
    ['uint64', 2n ** 63n],
  ] as const) {
    expect(disagreementOf(long(dtype, large, 1n), long(dtype, large + 1n, 1n))).toBe(0.5)
    expect(disagreementOf(long(dtype, large), long(dtype, large))).toBe(0)
    // Labels beyond a double come as texts.
    expect(lossOf(answerOf(long(dtype, large))!, [String(large)])).toBe(0)
    expect(lossOf(answerOf(long(dtype, large))!, [String(large + 1n)])).toBe(1)
    expect(lossOf(answerOf(long(dtype, 7n))!, [7])).toBe(0)
  }
  const words = bytesOfValue('t', { dtype: 'string', dims: [1], data: ['cat'] })
  expect([lossOf(answerOf([words])!, ['cat']), lossOf(answerOf([words])!, ['dog'])]).toEqual([0, 1])
})

test('what goes on from before is left to the next server where this one is told to stop', async () => {
  const [state, acts] = [new Flaky(), [] as string[]]
  const before = new RolloutController(state, fleetOf({ version: '1' }, acts), silentLog)
  await before.start('m', { candidate: '2' }, 'ann')
  const kept = state.changes[0]!.rollout!
  state.claim = async () => [kept]
  const resume = async (stopping: boolean) => {
    state.changes.length = 0
    const fleet = { ...fleetOf({ version: '1' }, acts), stopping, warm: () => Promise.reject(new Error('no start')) }
    const controller = new RolloutController(state, fleet, silentLog)
    await controller.resume(null)
    return state.changes.map(({ audit }) => audit!.act)
  }
  expect(await resume(true)).toEqual([])
  expect(await resume(false)).toEqual(['rollout-stopped'])
})

test('of a model that is not there, nobody is told that there was no rollout or request of it yet', async () => {
  const fleet = fleetOf({ version: '1' }, [])
  const live = (name: string) => {
    if (name === 'm') return '1'
    throw new ServeError('not-found', `Request for unknown model: '${name}' is not found`)
  }
  class Empty extends Flaky {
    override async rollouts() {
      return []
    }
  }
  const controller = new RolloutController(new Empty(), { ...fleet, live }, silentLog)
  const unwatched = { report: async () => null } as unknown as DriftMonitor
  const drift = rolloutRoutes(controller, null as never, unwatched, null as never).find(
    ({ path }) => path === '/v2/drift/:model',
  )!
  const ask = (model: string) => drift.handle({ params: { model }, reply: { header: () => {} } } as never)
  await expect(controller.status('m')).rejects.toThrow("there was no rollout of 'm' yet")
  await expect(ask('m')).rejects.toThrow("no request of 'm' was watched yet")
  for (const asked of [controller.status('nobody'), ask('nobody')])
    await expect(asked).rejects.toThrow("Request for unknown model: 'nobody'")
})
