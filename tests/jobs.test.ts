import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkJob } from '../src/cli/job-words.ts'
import { Bench, CLASSIFIER, PROGRAM } from './command.ts'
import { hasPostgres, startPostgres } from './postgres-kit.ts'
import { reportIn } from './schema.ts'

const LONG = 300_000

test('a job names a verb that workers do, with its own options, and files of the shared folder', async () => {
  const refused = async (...words: string[]) => (await checkJob(words).catch((error: Error) => error))?.message
  const fine = ['compare', 'a.onnx', 'models/b..2.onnx', '--data', 'eval.npz', '--slice', 'country']
  expect(await refused(...fine)).toBeUndefined()
  expect(await refused('push', 'a.onnx', 'x:1')).toContain('no job for a worker')
  expect(await refused('optimize', 'a.onnx', '--dta', 'd')).toContain('--dta')
  for (const path of ['/etc/passwd', '../a.onnx', 'models/../../a', '~/a', '--output=/tmp/x', 'csv:/a', 'x\\..\\a'])
    expect(await refused('optimize', 'a.onnx', '--data', path), path).toContain('leads out')
})

test(
  'a job whose worker is gone ends, and leaves its folder to whoever begins it again',
  async () => {
    const bench = new Bench()
    afterAll(() => bench.remove())
    bench.model('model.onnx', CLASSIFIER)
    bench.rows('eval.npz', 600, 16)
    const words = ['optimize', 'model.onnx', '--data', 'eval.npz', '-o', 'out', '--time', '4m']
    const child = spawn(process.execPath, [...PROGRAM, ...words], {
      cwd: bench.folder,
      env: { ...process.env, WHETSTONE_CACHE: bench.cache, WHETSTONE_ENDS_WITH_PARENT: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const ended = once(child, 'exit')
    // What the death of a worker does to its channel.
    child.disconnect()
    expect([await ended, said]).toEqual([[130, null], expect.stringContaining('interrupted')])
  },
  LONG,
)

const name = `whetstone_worker_${process.pid}`
test.skipIf(!hasPostgres)(
  'submitted, done by a worker, and waited for: the report and exit code are as if it had run here',
  async () => {
    const { default: pg } = await import('pg')
    const postgres = await startPostgres()
    afterAll(() => postgres.stop())
    const admin = new pg.Client(postgres.url)
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    const own = new URL(postgres.url)
    own.pathname = `/${name}`
    const bench = new Bench()
    process.env.XDG_STATE_HOME = join(bench.folder, 'home')
    afterAll(() => bench.remove())
    bench.model('model.onnx', CLASSIFIER)
    bench.rows('eval.npz', 20, 16)
    const whet = (...words: string[]) => bench.start(words).ended
    const database = ['--database', own.href]
    const submit = async (...words: string[]) => {
      const { stdout, stderr } = await whet('job', 'submit', ...database, '--json', '--', ...words)
      expect(stderr).toBe('')
      return reportIn(stdout, 'jobs').jobs[0]!.id
    }
    const good = await submit('compare', 'model.onnx', 'model.onnx', '--data', 'eval.npz')
    // Without --json, the id and nothing else.
    const words = ['compare', 'model.onnx', 'none.onnx', '--data', 'eval.npz']
    const bad = (await whet('job', 'submit', ...database, '--', ...words)).stdout.trim()
    // Without --folder, with the files of the folder that it is started in.
    const worked = await whet('worker', ...database, '--once', '--json')
    const done = reportIn(worked.stdout, 'jobs').jobs.map(({ id, exitCode }) => [id, exitCode])
    expect([worked.code, new Map(done as [string, number][])]).toEqual([
      0,
      new Map([
        [good, 3],
        [bad, 2],
      ]),
    ])

    const waited = await whet('job', 'wait', good, ...database, '--json')
    const here = await whet('compare', 'model.onnx', 'model.onnx', '--data', 'eval.npz', '--json')
    expect(waited.code).toBe(here.code)
    const told = (json: string) => reportIn(json, 'comparison')
    expect(told(waited.stdout).sentence).toBe(told(here.stdout).sentence)
    const failed = await whet('job', 'wait', bad, ...database)
    expect([failed.code, failed.stderr]).toEqual([2, expect.stringContaining('none.onnx')])
    expect((await whet('job', 'list', ...database)).stdout).toMatch(/done +2 .*whet compare/)
    expect((await whet('job', 'show', bad, ...database)).stderr).toContain('none.onnx')

    // One that takes longer than it may is ended by the worker that has it, begun again, and says so in the end.
    const slow = await whet(
      'job',
      'submit',
      ...database,
      '--json',
      '--limit',
      '10ms',
      '--',
      ...['compare', 'model.onnx', 'model.onnx', '--data', 'eval.npz'],
    )
    const { id } = reportIn(slow.stdout, 'jobs').jobs[0]!
    await whet('worker', ...database, '--folder', '.', '--once')
    const overdue = await whet('job', 'wait', id, ...database)
    expect([overdue.code, overdue.stderr]).toEqual([130, expect.stringContaining('did not end within')])

    // Workers that are stopped in the middle of it, more often than a job is begun again.
    bench.rows('long.npz', 4000, 16)
    const long = await submit('optimize', 'model.onnx', '--data', 'long.npz', '-o', 'out')
    for (let times = 0; times < 4; times++) {
      const worker = bench.start(['worker', ...database, '--folder', '.'])
      // It says which job it has begun.
      await once(worker.child.stderr!, 'data')
      worker.child.kill('SIGTERM')
      expect(await worker.ended).toMatchObject({ code: 0, stdout: '0 jobs done\n' })
    }
    const kept = reportIn((await whet('job', 'show', long, ...database, '--json')).stdout, 'jobs').jobs[0]!
    expect(kept).toMatchObject({ state: 'waiting', retries: 0 })
    await whet('job', 'cancel', long, ...database)
    expect((await whet('job', 'wait', long, ...database)).code).toBe(130)
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  },
  LONG,
)

test(
  'no database, none that answers, no such act',
  async () => {
    const bench = new Bench()
    afterAll(() => bench.remove())
    const [none, away, act] = await Promise.all([
      bench.start(['job', 'list']).ended,
      bench.start(['job', 'list', '--database', 'postgres://u:secret@127.0.0.1:1/none']).ended,
      bench.start(['job', 'eat']).ended,
    ])
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('--database is missing')])
    expect([away.code, away.stderr]).toEqual([2, expect.stringContaining('does not answer')])
    expect(away.stderr).not.toContain('secret')
    expect([act.code, act.stderr]).toEqual([2, expect.stringContaining('no such act')])
  },
  LONG,
)
