import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ask, binaryBody, modelFolder, serve } from '../../tests/serve-kit.ts'
import { DEFAULT_LIMITS, type Server } from './server.ts'

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

const metrics = async () => (await ask(server!.http, 'GET', '/metrics')).body.toString()
const DOUBLED = 'doubled (float[n,2] x) => (float[n,2] y) { y = Add(x, x) }'

test('requests that fail are counted by the kind of the error, also those whose body is never read whole', async () => {
  const limits = { ...DEFAULT_LIMITS, maxBodyBytes: 1000 }
  server = await serve(modelFolder({ 'doubled.onnx': DOUBLED }), { limits })
  const infer = async (body: string | Uint8Array, headers = {}) =>
    (await ask(server!.http, 'POST', '/v2/models/doubled/infer', body, headers)).status
  const good = binaryBody(
    { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }] },
    [Float32Array.of(1, 2)],
  )
  const statuses = [
    await infer(good.body, good.headers),
    await infer('{'),
    await infer('this is not gzip', { 'content-encoding': 'gzip' }),
    await infer('x'.repeat(1001)),
  ]
  expect(statuses).toEqual([200, 400, 400, 413])
  const counted = [
    ...(await metrics()).matchAll(/^whetstone_requests_total\{model="doubled",version="1",(.*)\} (\d+)$/gm),
  ]
  expect(Object.fromEntries(counted.map(([, labels, count]) => [labels, Number(count)]))).toEqual({
    'outcome="success"': 1,
    'outcome="failure",reason="invalid"': 2,
    'outcome="failure",reason="too-large"': 1,
    'outcome="failure",reason="cancelled"': 0,
    'outcome="failure",reason="too-many"': 0,
    'outcome="failure",reason="timeout"': 0,
    'outcome="failure",reason="unavailable"': 0,
    'outcome="failure",reason="internal"': 0,
  })
  const { fail } = (await ask(server.http, 'GET', '/v2/models/doubled/stats')).json.model_stats[0].inference_stats
  expect(fail.count).toBe(3)
})

test('a model that could not be loaded is not ready, until it is or nobody wants it any more', async () => {
  const folder = modelFolder({ 'doubled.onnx': DOUBLED })
  for (const name of ['broken.onnx', 'torn.onnx']) writeFileSync(join(folder, name), 'no model')
  server = await serve(folder)
  const ready = async () =>
    [...(await metrics()).matchAll(/^whetstone_model_ready(.*)$/gm)].map(([, rest]) => rest).sort()
  const act = (what: string) => ask(server!.http, 'POST', `/v2/repository/models/${what}`)
  const [good, broken, torn] = ['doubled', 'broken', 'torn'].map((model) => `{model="${model}",version=`)
  expect(await ready()).toEqual([`${broken}""} 0`, `${good}"1"} 1`, `${torn}""} 0`])
  copyFileSync(join(folder, 'doubled.onnx'), join(folder, 'broken.onnx'))
  await act('broken/load')
  expect((await act('torn/unload')).status).toBe(200)
  expect((await act('torn/unload')).status).toBe(400)
  expect(await ready()).toEqual([`${broken}"1"} 1`, `${good}"1"} 1`])
})
