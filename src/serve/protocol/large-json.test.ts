import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, modelFolder, serve } from '../../../tests/serve-kit.ts'
import type { Server } from '../index.ts'

let server: Server
beforeAll(async () => {
  server = await serve(
    modelFolder({
      'neg.onnx': 'g (float[N,M] x) => (float[N,M] y) { y = Neg(x) }',
      'texts.onnx': 'g (string[N] x) => (string[N] y) { y = Identity(x) }',
    }),
  )
}, 60_000)
afterAll(() => server.close())

const infer = (model: string, body: string | Uint8Array | object, headers: Record<string, string> = {}) =>
  ask(server.http, 'POST', `/v2/models/${model}/infer`, body, headers)
const input = (width: number, data: unknown) => ({ name: 'x', datatype: 'FP32', shape: [1, width], data })

test('large JSON is read, and its answer written, as small JSON is', async () => {
  const values = Array.from({ length: 100_000 }, (_, i) => Math.fround((i - 50_000) / 7))
  const { status, json } = await infer('neg', { id: 'a', inputs: [input(values.length, [values])] })
  expect([status, json.id, json.outputs.length]).toEqual([200, 'a', 1])
  const [{ name, datatype, shape, data }] = json.outputs
  expect({ name, datatype, shape }).toEqual({ name: 'y', datatype: 'FP32', shape: [1, values.length] })
  expect(data.map(Math.fround)).toEqual(values.map((value) => -value))
}, 60_000)

test('so are large lists of texts, and JSON in front of binary tensors', async () => {
  const texts = Array.from({ length: 60_000 }, (_, i) => `text ${i} \u00e4`)
  const strings = { name: 'x', datatype: 'BYTES', shape: [texts.length], data: texts }
  expect((await infer('texts', { inputs: [strings] })).json.outputs[0].data).toEqual(texts)
  const head = `${' '.repeat(300_000)}${JSON.stringify({ inputs: [{ ...input(2, undefined), parameters: { binary_data_size: 8 } }] })}`
  const body = Buffer.concat([Buffer.from(head), Buffer.from(Float32Array.of(1, 2).buffer)])
  const headers = { 'inference-header-content-length': String(head.length) }
  expect((await infer('neg', body, headers)).json.outputs[0].data).toEqual([-1, -2])
}, 60_000)

test('what is wrong with large JSON is said as with small', async () => {
  const padding = ' '.repeat(400_000)
  const broken = [`{${padding}"inputs":[}`, `{${padding}"inputs":1}`]
  const small = [`{"inputs":[}`, `{"inputs":1}`]
  for (const [i, body] of broken.entries()) {
    const [large, brief] = [await infer('neg', body), await infer('neg', small[i]!)]
    expect(large.status).toBe(400)
    const text = (error: string) => error.replace(/\d+$/, '')
    expect(text(large.json.error)).toBe(text(brief.json.error))
  }
}, 60_000)

test('a body of a few kilobytes that inflates to millions of arrays is refused before they are made', async () => {
  const body = gzipSync(`{"inputs":[${'{},'.repeat(1_100_000)}{}]}`)
  const { status, json } = await infer('neg', body, { 'content-encoding': 'gzip' })
  expect([status, json.error]).toEqual([400, expect.stringContaining('more than 1048576 objects and arrays')])
}, 60_000)

test('JSON beyond what is read is refused, with the form that has no such limit', async () => {
  const body = gzipSync(Buffer.alloc(65 << 20, ' '), { level: 1 })
  const { status, json } = await infer('neg', body, { 'content-encoding': 'gzip' })
  expect([status, json.error]).toEqual([413, expect.stringContaining('send the tensors as binary data')])
}, 60_000)

test('others are answered while large JSON is read', async () => {
  const values = Array.from({ length: 1_000_000 }, (_, i) => i / 7)
  // Refused when it is read: what takes time is the reading alone.
  const body = Buffer.from(JSON.stringify({ inputs: [input(values.length + 1, values)] }))
  let read = false
  const large = infer('neg', body).then(({ status }) => {
    read = true
    return status
  })
  const get = (path: string) => ask(server.http, 'GET', path)
  const held = async () => Number(/^whetstone_held_bytes (\d+)$/m.exec(String((await get('/metrics')).body))![1])
  // Until all of it is there.
  while (!read && (await held()) < body.byteLength - (1 << 16));
  let answered = 0
  while (!read) {
    expect((await get('/v2/health/live')).status).toBe(200)
    if (!read) answered++
  }
  expect(await large).toBe(400)
  expect(answered).toBeGreaterThan(5)
}, 60_000)
