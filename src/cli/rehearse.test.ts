import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ask, modelFolder, serve, withPlan } from '../../tests/serve-kit.ts'
import { type Server, silentLog } from '../serve/index.ts'
import { rehearseOn } from './rehearse.ts'

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

/** Twice the row and its opposite, with the rows on axis 0 or on axis 1 of the output. */
const pairs = (
  axis: 0 | 1,
) => `g (float[N,3] x) => (float[${axis === 0 ? 'N,2' : '2,N'},3] y) <int64[1] at = {${1 - axis}}> {
  d = Add(x, x)  n = Neg(x)  a = Unsqueeze(d, at)  b = Unsqueeze(n, at)  y = Concat<axis: int = ${1 - axis}>(a, b) }`

const start = (axis: 0 | 1) => startOn(pairs(axis))
const startOn = async (model: string, samples?: string) => {
  server = await serve(modelFolder({ 'm.onnx': model }), {
    rehearse: rehearseOn(samples),
    settings: withPlan({ maxBatch: 8 }, { maxDelayMs: 20 }),
  })
  return server.core.registry.version('m', '')
}
/** Requests that come together, so that they would share runs. */
const askAll = () =>
  Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (k) => {
      const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [k, k, 0] }]
      return (await ask(server!.http, 'POST', '/v2/models/m/infer', { inputs })).json.outputs[0].data
    }),
  )
const right = [1, 2, 3, 4, 5, 6].map((k) => [2 * k, 2 * k, 0, -k, -k, 0].map((x) => (Object.is(x, -0) ? 0 : x)))
const plain = (answers: readonly (readonly number[])[]) => answers.map((one) => one.map((x) => (x === 0 ? 0 : x)))

test('rows that lie on axis 1 of an output: the rehearsal refuses shared runs and says why', async () => {
  const { batching, statistics } = await start(1)
  expect(batching.rows).toBe(1)
  expect(batching.reason).toMatch(
    /requests run one by one: output "y" has shape \[2,4,3\] .* its first axis is not the row/,
  )
  expect(plain(await askAll())).toEqual(right)
  expect([...statistics.batches.keys()]).toEqual([1])
}, 60_000)

test('the same with the rows on axis 0 shares runs, and gives the same answers', async () => {
  const { batching, statistics } = await start(0)
  expect(batching.rows).toBe(8)
  expect(plain(await askAll())).toEqual(right)
  expect(Math.max(...statistics.batches.keys())).toBeGreaterThan(1)
}, 60_000)

test('a model that takes one row a run, although its signature leaves the rows open, is served request by request', async () => {
  const { batching } = await startOn(
    'g (float[N,3] x) => (float[M,3] y) <int64[2] one = {1, 3}> { r = Reshape(x, one)  y = Add(r, r) }',
  )
  expect(batching.reason).toBe('requests run one by one: the model accepts one row a run only')
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }]
  const answer = await ask(server!.http, 'POST', '/v2/models/m/infer', { inputs })
  expect(answer.json.outputs[0].data).toEqual([2, 4, 6])
}, 60_000)

test('rows of which no two have the same shape prove nothing of shared runs', async () => {
  const samples = join(mkdtempSync(join(tmpdir(), 'rehearse-')), 'ragged.jsonl')
  const rows = [[1, 2], [1, 2, 3], [4], [1, 2, 3, 4]].map((x) => JSON.stringify({ x }))
  writeFileSync(samples, rows.join('\n'))
  const { batching } = await startOn('g (float[N,K] x) => (float[N,K] y) { y = Add(x, x) }', samples)
  expect(batching.reason).toMatch(/^requests run one by one: no two of the rows that were tried have the same shape/)
}, 60_000)

test('samples of one model of a folder do not keep the others from being served', async () => {
  const samples = join(mkdtempSync(join(tmpdir(), 'rehearse-')), 'rows.jsonl')
  writeFileSync(samples, [1, 2, 3].map((k) => JSON.stringify({ x: [k, k] })).join('\n'))
  const model = (input: string) => `g (float[N,2] ${input}) => (float[N,2] y) { y = Neg(${input}) }`
  const warnings: unknown[] = []
  const log = { ...silentLog, warn: (message: string, fields?: object) => void warnings.push({ message, ...fields }) }
  server = await serve(modelFolder({ 'fits.onnx': model('x'), 'other.onnx': model('z') }), {
    rehearse: rehearseOn(samples, {}, log),
  })
  const inputs = [{ name: 'z', datatype: 'FP32', shape: [1, 2], data: [1, 2] }]
  const { status, json } = await ask(server.http, 'POST', '/v2/models/other/infer', { inputs })
  expect([status, json.outputs?.[0].data]).toEqual([200, [-1, -2]])
  expect(warnings).toEqual([
    expect.objectContaining({ model: 'other', version: '1', error: expect.stringMatching(/input "z" is not in/) }),
  ])
}, 60_000)
