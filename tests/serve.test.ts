import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Bench, CLASSIFIER } from './command.ts'
import { reportIn } from './schema.ts'
import { ask } from './serve-kit.ts'

const bench = new Bench()
beforeAll(() => {
  mkdirSync(bench.path('models'))
  writeFileSync(bench.path('text.onnx'), 'a text and no model')
  bench.model('models/digits.onnx', CLASSIFIER)
  bench.model(
    'models/dynamic.onnx',
    'g (float[N,16] x) => (float[N,16] y) { q, s, z = DynamicQuantizeLinear(x)  y = DequantizeLinear(q, s, z) }',
  )
  bench.rows('rows.npz', 20, 16)
})
afterAll(() => bench.remove())

/** Starts `whet serve` and waits until it says where it listens and that it is ready. */
async function start(...words: readonly string[]) {
  const { child, ended } = bench.start([
    'serve',
    ...words,
    '--http',
    '0',
    '--grpc',
    '0',
    '--admin',
    '0',
    '--audit',
    'off',
  ])
  const lines: {
    readonly message: string
    readonly http?: string
    readonly admin?: string
    readonly batching?: string
    readonly model?: string
  }[] = []
  await new Promise<void>((resolve, reject) => {
    let rest = ''
    child.stderr!.on('data', (text: string) => {
      const all = (rest + text).split('\n')
      rest = all.pop()!
      for (const line of all) lines.push(JSON.parse(line))
      if (lines.some(({ message }) => message === 'ready')) resolve()
    })
    void ended.then(({ stderr }) => reject(new Error(stderr)))
  })
  const listening = lines.find(({ message }) => message === 'listening')!
  return { child, ended, lines, http: listening.http!, admin: listening.admin! }
}

test('serves a folder, rehearsed on rows, measured, and ends with 0 when it is told to stop', async () => {
  const server = await start('models', '--samples', 'rows.npz')
  const batching = Object.fromEntries(server.lines.map(({ model, batching: text }) => [model, text]))
  expect(batching.dynamic).toContain('DynamicQuantizeLinear')
  expect(batching.digits).toMatch(/share a run|gain nothing here/)
  const data = Array.from({ length: 16 }, (_, i) => i / 16)
  const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16], data }] }
  const { status, json } = await ask(server.http, 'POST', '/v2/models/digits/infer', body)
  expect([status, json.outputs[0].shape]).toEqual([200, [1, 2]])
  const metrics = (await ask(server.admin, 'GET', '/metrics')).body.toString()
  expect(metrics).toContain('whetstone_requests_total{model="digits",version="1",outcome="success"} 1')
  expect(await promtool(metrics)).toBe('')
  server.child.kill('SIGTERM')
  const { code, stdout } = await server.ended
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^served models for \d+ seconds?\n$/)])
}, 120_000)

test.each([
  ['nope.npz', /cannot read nope\.npz: it does not exist/],
  ['notes.md', /"notes\.md" is no kind of data that can be read/],
  ['torn.npz', /torn\.npz/],
])('samples that are no data are said before anything is served: %s', { timeout: 60_000 }, async (samples, problem) => {
  writeFileSync(bench.path('notes.md'), 'not rows')
  writeFileSync(bench.path('torn.npz'), 'not rows')
  const { code, stderr } = await bench.whet('serve', 'models', '--http', '0', '--samples', samples)
  expect([code, stderr]).toEqual([2, expect.stringMatching(problem)])
})

test('keys are made, shown once, and asked for', async () => {
  const made = await bench.whet('serve', '--make-key', 'ci', '--scope', 'infer', '--keys', 'keys.json')
  const key = made.stdout.trim()
  expect([made.code, key]).toEqual([0, expect.stringMatching(/^whet_/)])
  expect(readFileSync(bench.path('keys.json'), 'utf8')).not.toContain(key)
  expect((await bench.whet('serve', '--make-key', 'ci', '--keys', 'keys.json')).code).toBe(2)
  // Asked for as JSON it is shown too: only its hash is kept.
  const asJson = await bench.whet('serve', '--make-key', 'tool', '--keys', 'keys.json', '--json')
  expect(reportIn(asJson.stdout, 'api-key')).toMatchObject({ name: 'tool', key: expect.stringMatching(/^whet_/) })
}, 120_000)

test.each([
  [
    ['models', '--database', 'postgres://127.0.0.1:1/x'],
    /postgres:\/\/127\.0\.0\.1:1\/x: the database does not answer/,
  ],
  [['nowhere.onnx'], /there is no nowhere\.onnx/],
  [[], /nothing to serve/],
  [
    ['models', '--admin-host', '0.0.0.0', '--http', '0', '--grpc', '0', '--admin', '0', '--audit', 'off'],
    /without keys/,
  ],
  [['models', '--http', 'x'], /--http/],
  // Of a longer timer, Node makes one of a millisecond.
  [['models', '--timeout', '3600000000'], /--timeout 3600000000: not a number from 0 to 2147483647/],
  [['models', '--drain', '1e12'], /--drain 1e12: not a number from 0 to 2147483647/],
  [['models', '--http', 'off', '--grpc', 'off'], /nobody can ask\n {2}leave one/],
  [['text.onnx'], /text\.onnx: this is text, .*not ONNX/],
])('what can be wrong is said before anything starts: %j', async (words, text) => {
  const { code, stderr } = await bench.whet('serve', ...words)
  expect([code, stderr]).toEqual([2, expect.stringMatching(text)])
})

/** What Prometheus’ own tool finds wrong with metrics; nothing where it is not installed. */
function promtool(metrics: string): Promise<string> {
  return new Promise((resolve) => {
    const tool = spawn('promtool', ['check', 'metrics'])
    let said = ''
    tool.on('error', () => resolve(''))
    tool.stdin.on('error', () => {})
    tool.stderr.on('data', (text) => (said += text))
    tool.on('close', () => resolve(said))
    tool.stdin.end(metrics)
  })
}
