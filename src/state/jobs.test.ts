import { PGlite } from '@electric-sql/pglite'
import { expect, test } from 'vitest'
import { JobQueue, type SqlRunner } from './index.ts'

const LONG = 300_000
const words = ['compare', 'a.onnx', 'b.onnx', '--data', 'd.npz']
const report = { kind: 'comparison', version: 1, verdict: 'pass', n: 3 }
const result = { exitCode: 1, report, message: null, worker: 'here' }

async function everything(place: string | SqlRunner, sql: SqlRunner): Promise<void> {
  const queue = new JobQueue(place)
  /** What time does to a job. */
  const older = (id: string, minutes: number) => {
    const back = (column: string) => `${column} = ${column} - interval '${minutes} minutes'`
    const columns = ['started_on', 'completed_on'].map(back).join(', ')
    return sql.executeSql(`UPDATE whetstone_jobs.job SET ${columns} WHERE id = $1`, [id])
  }
  /** How whoever comes next finds it then. */
  const age = async (id: string, hours: number) => {
    await older(id, hours * 60)
    const next = new JobQueue(place)
    await next.find(id)
    await next.close()
  }

  expect(await queue.take()).toBeNull()
  const id = await queue.submit(words, 60_000)
  expect((await queue.find(id))!.job).toMatchObject({ id, words, state: 'waiting', exitCode: null, started: null })
  // Of two who ask, one gets it.
  const [one, two] = await Promise.all([queue.take(), queue.take()])
  expect([one ?? two, one && two]).toEqual([{ id, words, limitMs: 60_000, retries: 0 }, null])
  expect((await queue.find(id))!.job).toMatchObject({ state: 'running', ended: null })
  await queue.finish(id, result)
  const found = (await queue.find(id))!
  // As the verb would have written it, to the order of its fields.
  expect(JSON.stringify(found.report)).toBe(JSON.stringify(report))
  expect(found.job).toMatchObject({ state: 'done', exitCode: 1, worker: 'here', retries: 0 })

  // Given back, it is begun again; twice and no more.
  const second = await queue.submit(words, 60_000)
  for (const state of ['waiting', 'waiting', 'failed']) {
    expect((await queue.take())!.id).toBe(second)
    await queue.giveBack(second, { ...result, exitCode: 70, report: null, message: 'fell' })
    expect((await queue.find(second))!.job.state).toBe(state)
  }
  expect((await queue.find(second))!.job).toMatchObject({ retries: 2, exitCode: 70, message: 'fell' })
  expect(await queue.take()).toBeNull()

  // A worker that is stopped says nothing of the job: it is as it was before, however often.
  const moved = await queue.submit(words, 60_000)
  for (let times = 0; times < 4; times++) {
    const taken = (await queue.take())!
    expect(taken).toMatchObject({ id: moved, retries: 0 })
    await queue.putBack(taken, { ...result, exitCode: 130, report: null, message: 'interrupted' })
    expect(await queue.keep(taken)).toBe(false)
    expect((await queue.find(moved))!.job).toMatchObject({ state: 'waiting', started: null, message: 'interrupted' })
  }
  await queue.cancel(moved)

  const third = await queue.submit(words, 60_000)
  await queue.cancel(third)
  expect([await queue.take(), (await queue.find(third))!.job.state]).toEqual([null, 'cancelled'])
  expect((await queue.list()).map((job) => job.id).sort()).toEqual([id, second, moved, third].sort())

  // Answers are there for weeks.
  await age(id, 28 * 24)
  expect((await queue.find(id))!.report).toEqual(report)

  // A worker that was taken for dead has an answer all the same.
  const late = await queue.submit(words, 60_000)
  expect((await queue.take())!.id).toBe(late)
  await age(late, 1)
  expect((await queue.find(late))!.job).toMatchObject({ state: 'waiting', ended: null })
  const names = ['a\0b', 'c\ud800', '\u{1f600}']
  await queue.finish(late, { ...result, report: { ...report, names } })
  expect((await queue.find(late))!.job).toMatchObject({ state: 'done', exitCode: 1, worker: 'here' })
  // Names that no database takes come back as they are.
  expect((await queue.find(late))!.report).toEqual({ ...report, names })
  expect(await queue.take()).toBeNull()

  // A worker that is heard of keeps its job, whatever the job takes; one that is not has lost it long before the limit.
  const long = await queue.submit(words, 3_600_000)
  const first = (await queue.take())!
  await older(long, 50)
  expect(await queue.keep(first)).toBe(true)
  await age(long, 1 / 60)
  expect((await queue.find(long))!.job.state).toBe('running')
  await age(long, 3 / 60)
  expect((await queue.find(long))!.job.state).toBe('waiting')
  // Heard of again before anybody has begun it, it has it back; else it is told to leave it.
  expect(await queue.keep(first)).toBe(true)
  expect([await queue.take(), (await queue.find(long))!.job.state]).toEqual([null, 'running'])
  await age(long, 3 / 60)
  const other = (await queue.take())!
  expect(other).toEqual({ ...first, retries: 1 })
  expect([await queue.keep(first), await queue.keep(other)]).toEqual([false, true])
  await queue.cancel(long)
  expect([await queue.keep(other), (await queue.find(long))!.job.state]).toEqual([false, 'cancelled'])

  // One that nobody ever answers for says so.
  const silent = await queue.submit(words, 60_000)
  for (let times = 0; times < 3; times++) {
    expect((await queue.take())!.id).toBe(silent)
    await age(silent, 1)
  }
  expect((await queue.find(silent))!.job).toMatchObject({
    state: 'failed',
    exitCode: null,
    message: expect.stringContaining('begun 3 times'),
  })
  expect([await queue.find('none'), await queue.find('00000000-0000-0000-0000-000000000000')]).toEqual([null, null])
  await queue.close()
}

test(
  'jobs wait, are taken once, end, are begun again and are cancelled; embedded',
  async () => {
    const database = await PGlite.create()
    const runner: SqlRunner = {
      // Several statements go without parameters.
      executeSql: async (text, values) =>
        values.length > 0
          ? database.query<object>(text, [...values])
          : (((await database.exec(text)).at(-1) as { rows: object[] } | undefined) ?? { rows: [] }),
    }
    await everything(runner, runner)
    await database.close()
  },
  LONG,
)

const url = process.env.WHETSTONE_TEST_POSTGRES
test.skipIf(!url)(
  'the same on a PostgreSQL server',
  async () => {
    const name = `whetstone_jobs_${process.pid}`
    const { default: pg } = await import('pg')
    const admin = new pg.Client(url)
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    const own = new URL(url!)
    own.pathname = `/${name}`
    const client = new pg.Client(own.href)
    await client.connect()
    await everything(own.href, { executeSql: (text, values) => client.query(text, [...values]) })
    await client.end()
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  },
  LONG,
)
