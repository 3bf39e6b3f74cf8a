import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { type Database, openEmbedded, State } from '../../state/index.ts'
import { silentLog } from '../log.ts'
import { RolloutController } from './controller.ts'
import type { Fleet } from './fleet.ts'
import { Unwritten, writeLate } from './unwritten.ts'

const LONG = 120_000
const database = openEmbedded(null)
const folder = mkdtempSync(join(tmpdir(), 'whetstone-unwritten-'))
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.close()
}, LONG)

let away = false
let hangs = false
/** Outlives the servers of this file, and goes away when it is told so. */
const kept: Database = {
  where: 'memory',
  run(statements) {
    if (hangs) return new Promise(() => {})
    return away ? Promise.reject(new Error('connection refused')) : database.run(statements)
  },
  close: async () => {},
}
const fleet = {
  stopping: false,
  live: () => '1',
  find: async (_name: string, version: string) => ({ version, known: ['1', '2'] }),
  warm: async () => {},
  load: async () => {},
  promote: async () => {},
  retire: async () => {},
  side: async (_name: string, version: string) => ({ version, digest: null, signatures: [] }),
  changed: async () => null,
} satisfies Fleet
const unwritten = new Unwritten(join(folder, 'unwritten'))
const files = () => readdirSync(join(folder, 'unwritten'))

beforeEach(() => {
  away = false
  hangs = false
})

/** A server whose rollout of `name` ends while its database is away, and which is ended before that is back. */
async function endsUnwritten(name: string): Promise<string> {
  const controller = new RolloutController(new State(kept, 'one'), fleet, silentLog, { unwritten })
  const { id } = await controller.start(name, { candidate: '2' }, 'ann')
  away = true
  const stopped = controller.stop(name, 'ann')
  await controller.close()
  expect((await stopped).state).toBe('stopped')
  away = false
  return id
}

test('an end that the database was not told is told by the next run of the server, once', {
  timeout: LONG,
}, async () => {
  const state = new State(kept, 'one')
  const id = await endsUnwritten('m')
  expect(await state.rollouts('m')).toMatchObject([{ id, state: 'running' }])
  expect(files()).toEqual([`${id}.json`])
  await writeLate(unwritten, state, 60_000, silentLog)
  expect(await state.rollouts('m')).toMatchObject([{ id, state: 'stopped' }])
  expect(await state.liveVersions()).toMatchObject([{ name: 'm', version: '1' }])
  expect((await state.audit()).entries.map(({ act, who }) => [act, who])).toEqual([
    ['rollout-start', 'ann'],
    ['rollout-stopped', 'ann'],
  ])
  expect(files()).toEqual([])
  await writeLate(unwritten, state, 60_000, silentLog)
  expect((await state.audit()).entries).toHaveLength(2)
})

test('a rollout that another server has taken is left to it', { timeout: LONG }, async () => {
  const id = await endsUnwritten('taken')
  expect(await new State(kept, 'two').claim(0, ['taken'])).toMatchObject([{ id }])
  const state = new State(kept, 'one')
  await writeLate(unwritten, state, 60_000, silentLog)
  expect(await state.rollouts('taken')).toMatchObject([{ id, state: 'running' }])
  expect(files()).toEqual([])
})

test('an end behind a write that never ends has its file at once', { timeout: LONG }, async () => {
  const state = new State(kept, 'one')
  const controller = new RolloutController(state, fleet, silentLog, { unwritten })
  const ids = [] as string[]
  for (const name of ['first', 'second']) ids.push((await controller.start(name, { candidate: '2' }, 'ann')).id)
  hangs = true
  for (const name of ['first', 'second']) void controller.stop(name, 'ann')
  await expect.poll(files, { timeout: 3000 }).toEqual(ids.map((id) => `${id}.json`).sort())
  // Killed, and started again where the database answers.
  hangs = false
  await writeLate(unwritten, new State(kept, 'one'), 60_000, silentLog)
  for (const name of ['first', 'second'])
    expect(await state.rollouts(name)).toMatchObject([
      { state: 'stopped', body: { note: expect.stringContaining('stopped by ann') } },
    ])
  expect(files()).toEqual([])
})

test('what the database has taken leaves no file; a damaged one is named', { timeout: LONG }, async () => {
  const controller = new RolloutController(new State(kept, 'one'), fleet, silentLog, { unwritten })
  await controller.start('n', { candidate: '2' }, 'ann')
  await controller.stop('n', 'ann')
  await controller.close()
  expect(files()).toEqual([])
  writeFileSync(join(folder, 'unwritten', 'r-1.json'), '{"rollout":')
  await expect(writeLate(unwritten, new State(kept, 'one'), 60_000, silentLog)).rejects.toMatchObject({
    code: 'bad-data',
    where: expect.stringContaining('r-1.json'),
    hint: expect.stringContaining('delete it'),
  })
})
