import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { IncidentReport } from '../report/index.ts'
import { type Database, openEmbedded, openPostgres, State } from './index.ts'

const LONG = 300_000
const folder = join(mkdtempSync(join(tmpdir(), 'state-')), 'state')
let database = openEmbedded(folder)
let state = new State(database)
afterAll(() => state.close(), LONG)

const rollout = (id: string, name: string, to: string, body: unknown = {}) => ({
  id,
  name,
  state: to,
  started: `2026-01-0${id.at(-1)}T00:00:00.000Z`,
  body,
})
const act = (name: string) => ({ at: '2026-01-01T00:00:00.000Z', act: 'test', who: 'somebody', name, detail: { n: 1 } })
const incident = { id: 'i1', at: '2026-01-01', name: 'digits', acknowledged: null } as unknown as IncidentReport

async function everything(state: State, database: Database) {
  await state.keep({ rollout: rollout('r1', 'digits', 'running', { pairs: 1 }), audit: act('digits') })
  await state.keep({ rollout: rollout('r1', 'digits', 'running', { pairs: 2 }) })
  expect(await state.rollouts('digits')).toEqual([rollout('r1', 'digits', 'running', { pairs: 2 })])
  // A second one beside it is refused whole: its entry in the audit log does not stay either.
  await expect(state.keep({ audit: act('second'), rollout: rollout('r2', 'digits', 'running') })).rejects.toThrow()
  await state.keep({
    rollout: rollout('r1', 'digits', 'rolled-back', { pairs: 3 }),
    incident,
    live: { name: 'digits', version: 'v1', known: ['v1', 'v2'] },
    audit: act('back'),
  })
  // A snapshot that was under way comes too late.
  await state.keep({ rollout: rollout('r1', 'digits', 'running', { pairs: 2 }) })
  expect(await state.rollouts(null)).toEqual([rollout('r1', 'digits', 'rolled-back', { pairs: 3 })])
  expect(await state.liveVersions()).toEqual([{ name: 'digits', version: 'v1', known: ['v1', 'v2'] }])

  expect(await state.incidents()).toEqual([incident])
  const seen = { by: 'ann', at: '2026-01-02', note: 'known' }
  expect((await state.acknowledge('i1', seen))!.acknowledged).toEqual(seen)
  expect((await state.acknowledge('i1', { ...seen, by: 'bob' }))!.acknowledged).toEqual(seen)
  expect(await state.incident('nobody')).toBeNull()

  await state.keepMonitor('digits', 'sha256:1', { looks: 1 })
  await state.keepMonitor('digits', 'sha256:1', { looks: 2 })
  expect([await state.monitor('digits', 'sha256:1'), await state.monitor('digits', 'sha256:2')]).toEqual([
    { looks: 2 },
    null,
  ])
  const log = await state.audit()
  expect([log.entries.map(({ act, name }) => act + name), log.brokenAt]).toEqual([
    ['testdigits', 'testback', 'incident-ack', 'incident-ack'],
    null,
  ])
  await once(database)
  await expect(database.run([{ sql: 'DELETE FROM audit' }])).rejects.toThrow('append-only')
  await database.run([
    { sql: 'ALTER TABLE audit DISABLE TRIGGER audit_is_final' },
    { sql: `UPDATE audit SET entry = replace(entry, 'testback', 'x') || ' ' WHERE n = 2` },
  ])
  expect((await state.audit()).brokenAt).toBe(2)
}

/** The line breaks after a change was made and before that is told. */
async function once(database: Database) {
  let breaks = true
  const state = new State({
    ...database,
    async run(statements) {
      const rows = await database.run(statements)
      if (breaks && statements.some(({ sql }) => sql.startsWith('INSERT INTO audit'))) {
        breaks = false
        throw new Error('Connection terminated')
      }
      return rows
    },
  })
  const change = { event: 'e1', audit: act('once'), live: { name: 'digits', version: 'v3', known: [] } }
  await expect(state.keep(change)).rejects.toThrow('terminated')
  await state.keep({ event: 'e2', audit: act('later'), live: { ...change.live, version: 'v4' } })
  await state.keep(change)
  const { entries, brokenAt } = await state.audit()
  expect([entries.slice(-2).map(({ name }) => name), brokenAt]).toEqual([['once', 'later'], null])
  // What was decided since then stays.
  expect((await state.liveVersions())[0]!.version).toBe('v4')
}

test('rollouts, incidents, live versions and the chain of acts, embedded', () => everything(state, database), LONG)

test('what PostgreSQL takes into no text stops no act: ids of requests and notes are what a client makes of them', {
  timeout: LONG,
}, async () => {
  const odd = 'a\0b\ud800c \\u0000 😀'
  const kept = 'a\ufffdb\ufffdc \\u0000 😀'
  const inputs = [{ requestId: odd, digest: 'sha256:1' }]
  await state.keep({
    rollout: rollout('r7', 'odd', 'rolled-back', { inputs }),
    incident: { ...incident, id: 'i7', inputs },
    audit: { ...act('odd'), who: odd },
  })
  expect(await state.rollouts('odd')).toMatchObject([{ body: { inputs: [{ requestId: kept }] } }])
  expect(await state.incident('i7')).toMatchObject({ inputs: [{ requestId: kept }] })
  expect(await state.acknowledge('i7', { by: 'ann', at: '2026-01-02', note: odd })).toMatchObject({
    acknowledged: { note: kept },
  })
  expect([await state.incident('\0'), await state.rollouts('\0')]).toEqual([null, []])
})

test(
  'one owner: a second one is refused; what was written is there after opening again',
  async () => {
    const second = new State(openEmbedded(folder))
    await expect(second.incidents()).rejects.toMatchObject({ code: 'busy' })
    await second.close()
    await state.close()
    database = openEmbedded(folder)
    state = new State(database)
    expect((await state.incidents()).map(({ id }) => id)).toEqual(['i7', 'i1'])
  },
  LONG,
)

test(
  'the newest is what came last, whatever the clock said; what is older than that order goes by its time',
  async () => {
    const database = openEmbedded(null)
    const state = new State(database)
    const started = (id: string, month: number) => ({
      ...rollout(id, 'digits', 'stopped'),
      started: `2026-0${month}-01T00:00:00.000Z`,
    })
    const kept = async (state: State) => [
      (await state.rollouts('digits')).map(({ id }) => id),
      (await state.incidents()).map(({ id }) => id),
    ]
    const keep = (n: number, month: number) =>
      state.keep({ rollout: started(`r${n}`, month), incident: { ...incident, id: `i${n}`, at: `2026-0${month}-01` } })
    await keep(1, 5)
    await keep(2, 3)
    expect(await kept(state)).toEqual([
      ['r2', 'r1'],
      ['i2', 'i1'],
    ])
    // As a version of before left it.
    await database.run([
      { sql: 'ALTER TABLE rollouts DROP COLUMN n' },
      { sql: 'ALTER TABLE incidents DROP COLUMN n' },
      { sql: 'DELETE FROM migrations WHERE n = 4' },
    ])
    const later = new State(database)
    expect(await kept(later)).toEqual([
      ['r1', 'r2'],
      ['i1', 'i2'],
    ])
    await later.keep({ rollout: started('r3', 1) })
    expect((await later.rollouts('digits')).map(({ id }) => id)).toEqual(['r3', 'r1', 'r2'])
    await state.close()
  },
  LONG,
)

const url = process.env.WHETSTONE_TEST_POSTGRES
describe.skipIf(!url)('a PostgreSQL server', () => {
  test(
    'the same, and two servers that migrate at once',
    async () => {
      const admin = openPostgres(url!)
      const schema = `whetstone_test_${process.pid}`
      await admin.run([{ sql: `CREATE SCHEMA ${schema}` }])
      const own = `${url}${url!.includes('?') ? '&' : '?'}options=-c%20search_path%3D${schema}`
      const [one, two] = [openPostgres(own), openPostgres(own)]
      const states = [new State(one), new State(two)] as const
      await Promise.all(states.map((state) => state.incidents()))
      await everything(states[0], one)
      expect((await states[1].incidents()).map(({ id }) => id)).toEqual(['i1'])
      await admin.run([{ sql: `DROP SCHEMA ${schema} CASCADE` }])
      await Promise.all([admin.close(), ...states.map((state) => state.close())])
    },
    LONG,
  )
})

test('an address that is none, and a server that is not there', async () => {
  expect(() => openPostgres('mysql://x')).toThrow('not valid')
  const gone = new State(openPostgres('postgres://nobody:secret@127.0.0.1:1/none'))
  expect(gone.where).toBe('postgres://127.0.0.1:1/none')
  await expect(gone.incidents()).rejects.toThrow('ECONNREFUSED')
  await gone.close()
})

test(
  'a database that does not start says why, and is tried again',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'state-'))
    const place = join(folder, 'postgres')
    // Of a version that is not there.
    mkdirSync(place)
    writeFileSync(join(place, 'PG_VERSION'), '9')
    const database = openEmbedded(folder)
    const state = new State(database)
    await expect(state.liveVersions()).rejects.toMatchObject({ code: 'bad-data', where: place })
    rmSync(place, { recursive: true })
    expect(await state.liveVersions()).toEqual([])
    await state.close()
  },
  LONG,
)

test(
  'a database that has lost the file which makes it one is not begun anew over what it holds',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'state-'))
    // Of a process that was killed while it made one.
    mkdirSync(join(folder, 'postgres.begun', 'base'), { recursive: true })
    const first = new State(openEmbedded(folder))
    await first.keep({ incident })
    await first.close()
    const place = join(folder, 'postgres')
    expect(readdirSync(folder).filter((name) => name.startsWith('postgres'))).toEqual(['postgres'])
    const marker = join(place, 'PG_VERSION')
    const version = readFileSync(marker)
    rmSync(marker)
    const state = new State(openEmbedded(folder))
    await expect(state.incidents()).rejects.toMatchObject({
      code: 'bad-data',
      where: place,
      message: expect.stringContaining('PG_VERSION is missing'),
      hint: expect.stringContaining('put back a copy'),
    })
    writeFileSync(marker, version)
    expect((await state.incidents()).map(({ id }) => id)).toEqual(['i1'])
    await state.close()
  },
  LONG,
)

test(
  'what is kept again and again takes no more room with time',
  async () => {
    const database = openEmbedded(null)
    const state = new State(database)
    for (let i = 0; i < 60; i++) await state.keepMonitor('digits', 'sha256:1', randomBytes(400_000).toString('base64'))
    const [[{ bytes }]] = (await database.run([
      { sql: "SELECT pg_total_relation_size('monitors')::int AS bytes" },
    ])) as unknown as [[{ bytes: number }]]
    expect(bytes).toBeLessThan(20e6)
    await state.close()
  },
  LONG,
)

test('a database that nobody answers for is told as such', async () => {
  const state = new State(openPostgres('postgres://ann:secret@127.0.0.1:1/digits'))
  const where = 'postgres://127.0.0.1:1/digits'
  await expect(state.liveVersions()).rejects.toMatchObject({ code: 'missing-file', where })
  await state.close()
})
