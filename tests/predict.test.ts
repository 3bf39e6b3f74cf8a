import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PredictionSpool } from '../src/cli/prediction-spool.ts'
import { openDataset } from '../src/data/index.ts'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
const ROWS = 70
beforeAll(() => {
  bench.model('model.onnx', CLASSIFIER)
  bench.rows('rows.npz', ROWS, 16)
  bench.model(
    'dynamic.onnx',
    'g (float[N,16] x) => (float[N,16] y) { q, s, z = DynamicQuantizeLinear(x)  y = DequantizeLinear(q, s, z) }',
  )
})
afterAll(() => bench.remove())

const predict = (out: string, ...more: readonly string[]) =>
  bench.whet('predict', 'model.onnx', '--data', 'rows.npz', '-o', out, '--json', ...more)
const lines = (name: string) =>
  readFileSync(bench.path(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('every format holds the same answers, one a row', async () => {
  for (const format of ['jsonl', 'npz', 'parquet']) {
    const { code, stdout, stderr } = await predict(`out.${format}`)
    expect([format, code, stderr]).toEqual([format, 0, stderr])
    expect(reportIn(stdout, 'prediction')).toMatchObject({ format, rows: ROWS, resumed: 0, batch: 32 })
    expect(existsSync(bench.path(`out.${format}.partial`))).toBe(false)
  }
  const rows = lines('out.jsonl')
  expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: ROWS }, (_, i) => i))
  const answers = rows.map(({ y }) => y.map(Math.fround))
  const archive = await openDataset(bench.path('out.npz'))
  const read: number[][] = []
  for await (const { columns } of archive.read({ batch: 1 })) read.push([...(columns.y!.data as Float32Array)])
  expect(read).toEqual(answers)
  const table = await parquetReadObjects({ file: await asyncBufferFromFile(bench.path('out.parquet')) })
  expect(table.map(({ y }) => y)).toEqual(answers)
})

test('an interrupted run keeps what is done, goes on from there, and ends with the same bytes', async () => {
  await predict('whole.jsonl')
  const { child, ended } = bench.start([
    'predict',
    'model.onnx',
    '--data',
    'rows.npz',
    '-o',
    'cut.jsonl',
    '--batch',
    '1',
  ])
  child.on('spawn', () => {
    const look = setInterval(() => {
      if (
        !existsSync(bench.path('cut.jsonl.partial/rows')) ||
        statSync(bench.path('cut.jsonl.partial/rows')).size === 0
      )
        return
      clearInterval(look)
      child.kill('SIGINT')
    }, 1)
    child.on('exit', () => clearInterval(look))
  })
  const { code } = await ended
  const { stdout } = await bench.whet(
    'predict',
    'model.onnx',
    '--data',
    'rows.npz',
    '-o',
    'cut.jsonl',
    '--batch',
    '1',
    '--json',
  )
  const report = JSON.parse(stdout)
  // Where the run was through before the signal came, there was nothing to resume.
  expect(report.resumed > 0).toBe(code === 130)
  expect(lines('cut.jsonl')).toHaveLength(ROWS)
  expect(lines('cut.jsonl').map(({ row }) => row)).toEqual(Array.from({ length: ROWS }, (_, i) => i))
})

test('rows whose answers would depend on their neighbours run one by one, and the report says so', async () => {
  const { stdout } = await bench.whet('predict', 'dynamic.onnx', '--data', 'rows.npz', '-o', 'dynamic.jsonl', '--json')
  const report = JSON.parse(stdout)
  expect([report.batch, report.notes.join()]).toEqual([1, expect.stringContaining('rows are run one by one')])
})

test('a spool goes on from what was safe: what was written after that is dropped; another key starts anew', async () => {
  const folder = bench.path('spool')
  const first = new PredictionSpool(folder, 'key')
  first.append('rows', Buffer.from('one\n'))
  first.next = first.rows = 1
  await first.commit()
  first.append('rows', Buffer.from('half a li'))
  first.close()
  const second = new PredictionSpool(folder, 'key')
  expect([second.next, second.rows]).toEqual([1, 1])
  second.append('rows', Buffer.from('two\n'))
  second.close()
  expect(readFileSync(second.path('rows'), 'utf8')).toBe('one\ntwo\n')
  writeFileSync(second.path('.lock'), '')
  const other = new PredictionSpool(folder, 'another key')
  expect([other.next, existsSync(other.path('rows')), existsSync(other.path('.lock'))]).toEqual([0, false, true])
  other.remove()
  expect(existsSync(folder)).toBe(false)
})

test('a second run on an output that is being written is refused; what a killed one left behind is taken over', async () => {
  const partial = bench.path('busy.jsonl.partial')
  mkdirSync(partial)
  writeFileSync(`${partial}/rows`, 'answers of the run that is going on')
  const lock = (pid: number) => {
    const owner = { pid, host: hostname(), born: null, since: 'then' }
    writeFileSync(`${partial}/.whetstone.lock`, JSON.stringify(owner))
  }
  lock(process.pid)
  const refused = await predict('busy.jsonl')
  expect([refused.code, refused.stdout, existsSync(bench.path('busy.jsonl'))]).toEqual([2, '', false])
  expect(refused.stderr).toContain(`another run is writing busy.jsonl (process ${process.pid} on ${hostname()}, since`)
  expect(refused.stderr).toContain('wait until it has finished, or write to another file')
  expect(readFileSync(`${partial}/rows`, 'utf8')).toBe('answers of the run that is going on')
  lock(spawnSync(process.execPath, ['-e', '']).pid)
  expect((await predict('busy.jsonl')).code).toBe(0)
  expect([lines('busy.jsonl').length, existsSync(partial)]).toEqual([ROWS, false])
}, 120_000)

test('a format that nobody knows, and a missing folder, cost no work', async () => {
  expect((await predict('out.csv')).code).toBe(2)
  expect((await predict('nowhere/out.jsonl')).code).toBe(2)
})
