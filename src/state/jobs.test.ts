import { PGlite } from '@electric-sql/pglite'
import { expect, test } from 'vitest'
import { JobQueue } from './index.ts'

const LONG = 300_000
const words = ['compare', 'a.onnx', 'b.onnx', '--data', 'd.npz']
const result = { exitCode: 1, report: { kind: 'comparison' }, message: null, worker: 'here' }

async function everything(queue: JobQueue): Promise<void> {
  expect(await queue.take()).toBeNull()
  const id = await queue.submit(words, 60_000)
  expect((await queue.find(id))!.job).toMatchObject({ id, words, state: 'waiting', exitCode: null, started: null })
  // Of two who ask, one gets it.
  const [one, two] = await Promise.all([queue.take(), queue.take()])
  expect([one ?? two, one && two]).toEqual([{ id, words }, null])
  expect((await queue.find(id))!.job).toMatchObject({ state: 'running', ended: null })
  await queue.finish(id, result)
  const found = (await queue.find(id))!
  expect(found.report).toEqual({ kind: 'comparison' })
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

  const third = await queue.submit(words, 60_000)
  await queue.cancel(third)
  expect([await queue.take(), (await queue.find(third))!.job.state]).toEqual([null, 'cancelled'])
  expect((await queue.list()).map((job) => job.id).sort()).toEqual([id, second, third].sort())
  expect([await queue.find('none'), await queue.find('00000000-0000-0000-0000-000000000000')]).toEqual([null, null])
}

test(
  'jobs wait, are taken once, end, are begun again and are cancelled; embedded',
  async () => {
    const database = await PGlite.create()
    const queue = new JobQueue({
      // Several statements go without parameters.
      executeSql: async (text, values) =>
        values.length > 0
          ? database.query<object>(text, [...values])
          : (((await database.exec(text)).at(-1) as { rows: object[] } | undefined) ?? { rows: [] }),
    })
    await everything(queue)
    await queue.close()
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
    const queue = new JobQueue(own.href)
    await everything(queue)
    await queue.close()
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  },
  LONG,
)
