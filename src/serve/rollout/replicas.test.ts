import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, describe, expect, test } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import { type Database, openPostgres, type Row, State } from '../../state/index.ts'
import { silentLog } from '../log.ts'
import { RolloutController } from './controller.ts'
import { keepInStep } from './replicas.ts'

const LONG = 300_000
const soon = { timeout: 60_000, interval: 20 }

/** One PostgreSQL for all who ask, inside this process. */
function inProcess(): () => Database {
  const opening = PGlite.create()
  afterAll(async () => (await opening).close(), LONG)
  return () => ({
    where: 'memory',
    run: async (statements) =>
      (await opening).transaction(async (transaction) => {
        const results: Row[][] = []
        for (const { sql, parameters = [] } of statements)
          results.push((await transaction.query<Row>(sql, [...parameters])).rows)
        return results
      }),
    listen(channel, { opened, heard }) {
      const listening = opening.then((database) => database.listen(channel, heard))
      void listening.then(opened)
      return async () => (await listening)()
    },
    close: async () => {},
  })
}

/** A server as far as its rollouts reach: which version of `m` answers there. */
function replica(open: () => Database, owner: string) {
  const state = new State(open(), owner)
  const acts: string[] = []
  const own = { live: '1', failing: false }
  const controller = new RolloutController(
    state,
    {
      stopping: false,
      live: () => own.live,
      find: async (_name, version) => ({ version, known: ['1', '2', '3'] }),
      warm: async () => {},
      load: async (_name, version) => {
        acts.push(`load ${version}`)
        if (own.failing) throw new Error('not there yet')
        own.live = version
      },
      promote: async (_name, version) => {
        own.live = version
      },
      retire: async (_name, version) => acts.push(`retire ${version}`),
      side: async (_name, version) => ({ version, digest: null, signatures: [] }),
      changed: async () => null,
    },
    silentLog,
  )
  const stop = keepInStep(state, controller, () => ['m'], silentLog)
  const close = async () => {
    await stop()
    await controller.close()
    await state.close()
  }
  /** Requests that both versions answer alike, until the candidate is proven. */
  const prove = async (candidate: string) => {
    await controller.start('m', { candidate, margin: 0.2 }, 'ann')
    const outputs = [bytesOfValue('y', { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 0) })]
    for (let i = 0; i < 300 && (await controller.status('m')).state === 'running'; i++) {
      const inputs = [outputs[0]!]
      for (const [version, shadow] of [[own.live, false] as const, [candidate, true] as const])
        controller.observe({
          requestId: 'r',
          model: 'm',
          version,
          tenant: '',
          shadow,
          inputs,
          inputsDigest: () => '',
          hold: () => () => {},
          outputs,
          run: { ms: 1, rows: 1 },
          error: null,
        })
    }
    await controller.settled()
  }
  return { state, controller, acts, own, close, prove }
}

async function agreement(open: () => Database): Promise<void> {
  const [one, two] = [replica(open, 'one'), replica(open, 'two')]
  await one.prove('2')
  expect(one.own.live).toBe('2')
  await expect.poll(() => two.own.live, soon).toBe('2')
  expect([one.acts, two.acts]).toEqual([['retire 1'], ['load 2']])
  await Promise.all([one.close(), two.close()])
}

async function lease(open: () => Database): Promise<void> {
  const [one, two] = [replica(open, 'three'), replica(open, 'four')]
  for (const { own } of [one, two]) await expect.poll(() => own.live, soon).toBe('2')
  const { id } = await one.controller.start('m', { candidate: '3' }, 'ann')
  // Somebody who starts now leaves it alone, and cannot start a second one.
  await two.controller.resume(['m'])
  expect([...two.controller.rollouts]).toEqual([])
  await expect(two.controller.start('m', { candidate: '3' }, 'bob')).rejects.toMatchObject({ code: 'conflict' })
  // Its owner is not heard of for longer than anybody waits: it changes hands once, and what the old owner writes late
  // is not taken.
  expect((await two.state.claim(-1000, ['m'])).map((kept) => kept.id)).toEqual([id])
  await two.controller.resume(['m'])
  expect([...two.controller.rollouts].map((active) => active.id)).toEqual([id])
  const running = async () => (await one.state.rollouts('m')).filter(({ state }) => state === 'running')
  const [kept] = await running()
  await one.state.keep({ rollout: { ...kept!, body: { late: true } } })
  expect(await running()).toEqual([kept])
  await one.controller.resume(['m'])
  expect([[...one.controller.rollouts], one.acts]).toEqual([[], ['load 2', 'retire 3']])
  await two.controller.stop('m', 'bob')
  await Promise.all([one.close(), two.close()])
}

describe('two servers on one database', () => {
  const open = inProcess()
  test('a version that one makes live answers at the other', () => agreement(open), LONG)
  test('a rollout has one owner', () => lease(open), LONG)

  test(
    'what cannot be followed yet is tried again, and a rollout of its own comes first',
    async () => {
      const one = replica(open, 'five')
      await expect.poll(() => one.own.live, soon).toBe('2')
      one.own.failing = true
      const live = { name: 'm', version: '9', known: ['9'] }
      await one.controller.follow([live])
      one.own.failing = false
      await one.controller.follow([live])
      await one.controller.follow([live])
      expect([one.own.live, one.acts.filter((act) => act === 'load 9')]).toEqual(['9', ['load 9', 'load 9']])
      await one.controller.start('m', { candidate: '3' }, 'ann')
      await one.controller.follow([{ ...live, version: '4' }])
      expect(one.own.live).toBe('9')
      await one.controller.stop('m', 'ann')
      await one.close()
    },
    LONG,
  )
})

const url = process.env.WHETSTONE_TEST_POSTGRES
describe.skipIf(!url)('two servers on a PostgreSQL server', () => {
  const schema = `whetstone_replicas_${process.pid}`
  const within = (address: string) =>
    `${address}${address.includes('?') ? '&' : '?'}options=-c%20search_path%3D${schema}`
  const admin = openPostgres(url ?? 'postgres://none/none')
  afterAll(async () => {
    await admin.run([{ sql: `DROP SCHEMA IF EXISTS ${schema} CASCADE` }])
    await admin.close()
  })

  test(
    'the same; and a database that goes and comes back: what was missed is made up for',
    async () => {
      await admin.run([{ sql: `CREATE SCHEMA ${schema}` }])
      await agreement(() => openPostgres(within(url!)))
      await lease(() => openPostgres(within(url!)))

      const away = await passage(new URL(url!))
      const two = replica(() => openPostgres(within(away.url)), 'two')
      await expect.poll(() => two.own.live, soon).toBe('2')
      await away.shut()
      const one = replica(() => openPostgres(within(url!)), 'one')
      await expect.poll(() => one.own.live, soon).toBe('2')
      await one.prove('3')
      expect([one.own.live, two.own.live]).toEqual(['3', '2'])
      await away.open()
      await expect.poll(() => two.own.live, soon).toBe('3')
      await Promise.all([one.close(), two.close()])
      await away.shut()
    },
    LONG,
  )
})

/** A way to a server that can be shut, with everybody who is on it, and opened again. */
async function passage(target: URL) {
  const sockets = new Set<Socket>()
  let port = 0
  let server: Server
  const open = () =>
    new Promise<void>((done) => {
      server = createServer((client) => {
        const through = dial(Number(target.port || 5432), target.hostname)
        for (const socket of [client, through]) {
          sockets.add(socket)
          socket.on('error', () => {})
          socket.on('close', () => sockets.delete(socket))
        }
        client.pipe(through).pipe(client)
      }).listen(port, '127.0.0.1', () => {
        port = (server.address() as { port: number }).port
        done()
      })
    })
  const shut = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      for (const socket of sockets) socket.destroy()
    })
  await open()
  const url = new URL(target)
  url.host = `127.0.0.1:${port}`
  return { url: url.href, open, shut }
}
