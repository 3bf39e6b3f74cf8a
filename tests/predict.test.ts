import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeParquet } from '../src/cli/prediction-parquet.ts'
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

test('a class that the data know by name is answered by name, where there are texts', async () => {
  bench.model(
    'three.onnx',
    'g (float[N,3] x) => (float[N,3] scores, float[N,1] other) <int64[1] axes = {1}> { scores = Identity(x)  other = ReduceSum(x, axes) }',
  )
  mkdirSync(bench.path('named'))
  writeFileSync(bench.path('named/rows.jsonl'), '{"x":[0,2,1]}\n{"x":[5,2,1]}\n')
  const names = ['ant', 'bee', 'cow']
  writeFileSync(bench.path('named/dataset.json'), JSON.stringify({ files: 'rows.jsonl', classNames: names }))
  const outputs = []
  for (const format of ['jsonl', 'parquet', 'npz']) {
    const { stdout } = await bench.whet('predict', 'three.onnx', '--data', 'named', '-o', `named.${format}`, '--json')
    outputs.push(JSON.parse(stdout).outputs.map(({ name }: { name: string }) => name))
  }
  const [scores, named] = [
    ['scores', 'other'],
    ['scores', 'other', 'answer'],
  ]
  expect(outputs).toEqual([named, named, scores])
  expect(lines('named.jsonl').map(({ answer }) => answer)).toEqual(['bee', 'ant'])
  const table = await parquetReadObjects({ file: await asyncBufferFromFile(bench.path('named.parquet')) })
  expect(table.map(({ answer }) => answer)).toEqual(['bee', 'ant'])
})

test('rows that were left out are named, and every format says which rows the answers are of', async () => {
  const broken = 7
  const images = bench.path('images')
  mkdirSync(images)
  const pixels = { width: 4, height: 4, channels: 3, background: 'red' } as const
  const picture = await sharp({ create: pixels }).png().toBuffer()
  for (let i = 0; i < 120; i++)
    writeFileSync(`${images}/${String(i).padStart(3, '0')}.png`, i === broken ? 'no image' : picture)
  bench.model('pixels.onnx', 'g (float[N,3,4,4] x) => (float[N,3,4,4] y) { y = Identity(x) }')
  const expected = Array.from({ length: 120 }, (_, i) => i).filter((i) => i !== broken)
  for (const format of ['jsonl', 'npz', 'parquet']) {
    const { stdout } = await bench.whet('predict', 'pixels.onnx', '--data', 'images', '-o', `left.${format}`, '--json')
    const report = JSON.parse(stdout)
    expect([report.rows, report.skipped]).toEqual([119, 1])
    expect(report.notes.join()).toMatch(/1 row is left out: 007\.png \(it is no image/)
  }
  expect(lines('left.jsonl').map(({ row }) => row)).toEqual(expected)
  const columns = []
  for await (const batch of (await openDataset(bench.path('left.npz'))).read()) columns.push(...batch.columns.row!.data)
  expect(columns.map(Number)).toEqual(expected)
  const table = await parquetReadObjects({ file: await asyncBufferFromFile(bench.path('left.parquet')) })
  expect(table.map(({ row }) => Number(row))).toEqual(expected)
})

test('an output named as the places of the rows are keeps its name; text for .npz is refused with the first rows', async () => {
  bench.model('row.onnx', 'g (float[N,16] x) => (float[N,16] row) { row = Neg(x) }')
  await bench.whet('predict', 'row.onnx', '--data', 'rows.npz', '-o', 'row.npz')
  const { fields } = await openDataset(bench.path('row.npz'))
  expect(fields.map(({ name, rowShape }) => [name, rowShape])).toEqual([['row', [16]]])
  bench.model('text.onnx', 'g (float[N,16] x) => (string[N,16] y) { y = Cast<to: int = 8>(x) }')
  const refused = await bench.whet('predict', 'text.onnx', '--data', 'rows.npz', '-o', 'text.npz')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('which .npz cannot hold')])
  expect(existsSync(bench.path('text.npz.partial'))).toBe(false)
  bench.model('places.onnx', 'g (float[N,16] x) => (int64[2,K] y) { y = NonZero(x) }')
  const uneven = await bench.whet('predict', 'places.onnx', '--data', 'rows.npz', '-o', 'places.npz')
  expect([uneven.code, existsSync(bench.path('places.npz.partial'))]).toEqual([2, false])
})

test('large answers reach Parquet in groups of bounded bytes', async () => {
  const spool = new PredictionSpool(bench.path('wide.partial'), 'key')
  const wide = 1 << 19
  spool.outputs = [{ name: 'y', dtype: 'float64', shape: [wide] }]
  for (spool.rows = 0; spool.rows < 5; spool.rows++)
    spool.append('0', new Uint8Array(new Float64Array(wide).fill(spool.rows).buffer))
  const path = bench.path('wide.parquet')
  await writeParquet(spool, spool.outputs, path)
  spool.remove()
  const file = await asyncBufferFromFile(path)
  const { row_groups } = await parquetMetadataAsync(file)
  expect(row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([4, 1])
  const [last] = await parquetReadObjects({ file, rowStart: 4, rowEnd: 5 })
  expect([last!.y[0], last!.y[wide - 1]]).toEqual([4, 4])
}, 60_000)

test('an interrupted run keeps what is done, goes on from there, and ends with the same bytes', async () => {
  const into = (out: string) => ['predict', 'model.onnx', '--data', 'rows.npz', '-o', out, '--batch', '1', '--json']
  await bench.whet(...into('whole.jsonl'))
  const { child, ended } = bench.start(into('cut.jsonl'))
  const answers = bench.path('cut.jsonl.partial/rows')
  child.on('spawn', () => {
    const look = setInterval(() => {
      if (!existsSync(answers) || statSync(answers).size === 0) return
      clearInterval(look)
      child.kill('SIGINT')
    }, 1)
    child.on('exit', () => clearInterval(look))
  })
  const { code } = await ended
  const { stdout } = await bench.whet(...into('cut.jsonl'))
  // Where the run was through before the signal came, there was nothing to resume.
  expect(JSON.parse(stdout).resumed > 0).toBe(code === 130)
  expect(lines('cut.jsonl')).toHaveLength(ROWS)
  expect(readFileSync(bench.path('cut.jsonl'))).toEqual(readFileSync(bench.path('whole.jsonl')))
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
  expect([refused.code, existsSync(bench.path('busy.jsonl'))]).toEqual([2, false])
  expect(JSON.parse(refused.stdout)).toMatchObject({ kind: 'failure', version: 1 })
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
