import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, ask, binaryBody, modelFolder, SIMPLE, serve } from '../../../tests/serve-kit.ts'
import type { Server } from '../index.ts'

const TYPES = ['float', 'double', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool']
const NAMES = ['FP32', 'FP64', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'BOOL']

let server: Server
const http = (method: string, path: string, body?: Parameters<typeof ask>[3], headers?: Record<string, string>) =>
  ask(server.http, method, path, body, headers)
const infer = (model: string, body: object, headers?: Record<string, string>) =>
  http('POST', `/v2/models/${model}/infer`, body, headers)

beforeAll(async () => {
  const folder = modelFolder({
    'simple.onnx': SIMPLE,
    'strings.onnx': 'g (string[N] s) => (string[N] t) { t = Identity(s) }',
    'half.onnx': 'g (float[N] x) => (float16[N] y) { y = Cast<to: int = 10>(x) }',
    'classes.onnx': 'g (float[N,4] x) => (float[N,4] y) { y = Identity(x) }',
    'vector.onnx': 'g (float[N] x) => (float[N] y) { y = Neg(x) }',
    'types.onnx': `g (${TYPES.map((type) => `${type}[N,2] x_${type}`)}) => (${TYPES.map((type) => `${type}[N,2] y_${type}`)})
      { ${TYPES.map((type) => `y_${type} = Identity(x_${type})`).join('\n')} }`,
  })
  server = await serve(folder)
}, 120_000)
afterAll(() => server?.close())

const sixteen = (from: number) => Array.from({ length: 16 }, (_, i) => from + i)
const simple = (more: object = {}) => ({
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], data: sixteen(0) },
    { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], data: [sixteen(1)] },
  ],
  ...more,
})

describe('what the server says of itself and its models', () => {
  test.each([
    ['GET', '/v2/health/live', 200, { live: true }],
    ['GET', '/v2/health/ready', 200, { ready: true }],
    ['GET', '/v2/health/ready?verbose=1&verbose=2', 200, { ready: true }],
    ['GET', '/v2/models/simple/ready', 200, { name: 'simple', ready: true }],
    ['GET', '/v2/models/simple/versions/1/ready', 200, { name: 'simple', ready: true }],
    ['GET', '/v2/models/simple/', 200, expect.objectContaining({ name: 'simple' })],
  ])('%s %s', async (method, path, status, json) => {
    const answer = await http(method, path)
    expect([answer.status, answer.json]).toEqual([status, json])
  })

  test('server metadata names the extensions', async () => {
    const { json } = await http('GET', '/v2')
    expect(json).toMatchObject({ name: 'whetstone', version: expect.stringMatching(/^\d/) })
    expect(json.extensions).toContain('binary_tensor_data')
  })

  test('model metadata has −1 for what may vary, the configuration what there is', async () => {
    expect((await http('GET', '/v2/models/classes')).json).toEqual({
      name: 'classes',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 4] }],
    })
    expect((await http('GET', '/v2/models/classes/config')).json).toMatchObject({
      name: 'classes',
      max_batch_size: 8,
      input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [4] }],
      dynamic_batching: { max_queue_delay_microseconds: 0 },
    })
    expect((await http('GET', '/v2/models/simple/config')).json).toMatchObject({
      max_batch_size: 0,
      input: [{ dims: [1, 16] }, { dims: [1, 16] }],
    })
  })

  test('statistics count requests and runs', async () => {
    const before = (await http('GET', '/v2/models/simple/versions/1/stats')).json.model_stats[0]
    await infer('simple', simple())
    await infer('simple', { inputs: [] })
    const after = (await http('GET', '/v2/models/simple/stats')).json.model_stats[0]
    expect(after.inference_count - before.inference_count).toBe(1)
    expect(after.execution_count - before.execution_count).toBe(1)
    expect(after.inference_stats.success.count - before.inference_stats.success.count).toBe(1)
    expect(after.inference_stats.fail.count - before.inference_stats.fail.count).toBe(1)
    expect(after.inference_stats.success.ns).toBeGreaterThan(before.inference_stats.success.ns)
    const all = (await http('GET', '/v2/models/stats')).json.model_stats
    expect(all.map(({ name }: { name: string }) => name)).toContain('classes')
  })

  test('an OpenAPI document describes every path', async () => {
    const { json, headers } = await http('GET', '/openapi.json')
    expect(headers['content-type']).toContain('application/json')
    expect(json.openapi).toBe('3.1.0')
    for (const path of ['/v2', '/v2/health/ready', '/v2/models/{model}/infer', '/v2/repository/index'])
      expect(Object.keys(json.paths)).toContain(path)
  })

  test('the repository index lists every model', async () => {
    for (const body of [undefined, '', '{}', { ready: true }]) {
      const { json } = await http('POST', '/v2/repository/index', body)
      expect(json).toContainEqual({ name: 'simple', version: '1', state: 'READY', reason: '' })
    }
  })
})

describe('inference', () => {
  test('JSON in and out: flat or nested data, the id comes back', async () => {
    const { status, json, headers } = await infer('simple', simple({ id: 'request 1' }))
    expect(status).toBe(200)
    expect(headers['x-request-id']).toBe('request 1')
    expect(json).toEqual({
      id: 'request 1',
      model_name: 'simple',
      model_version: '1',
      outputs: [
        { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16], data: sixteen(0).map((i) => 2 * i + 1) },
        { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16], data: Array(16).fill(-1) },
      ],
    })
  })

  test('no id asked, none in the body; a header names the request all the same', async () => {
    const { json, headers } = await infer('simple', simple())
    expect(json).not.toHaveProperty('id')
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('only the requested outputs, in the order asked', async () => {
    const { json } = await infer('simple', simple({ outputs: [{ name: 'OUTPUT1' }] }))
    expect(json.outputs.map(({ name }: { name: string }) => name)).toEqual(['OUTPUT1'])
    const both = await infer('simple', simple({ outputs: [{ name: 'OUTPUT1' }, { name: 'OUTPUT0' }] }))
    expect(both.json.outputs.map(({ name }: { name: string }) => name)).toEqual(['OUTPUT1', 'OUTPUT0'])
  })

  test.each(['application/octet-stream', 'text/plain', 'application/json; charset=utf-8', 'nonsense'])(
    'any Content-Type is read (%s), and none at all',
    async (type) => expect((await infer('simple', simple(), { 'content-type': type })).status).toBe(200),
  )

  test('binary and JSON inputs mix in one request; outputs choose each for itself', async () => {
    const { body, headers } = binaryBody(
      {
        inputs: [
          { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
          { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], data: sixteen(1) },
        ],
        outputs: [{ name: 'OUTPUT0', parameters: { binary_data: true } }, { name: 'OUTPUT1' }],
      },
      [Int32Array.from(sixteen(0))],
    )
    const answer = await infer('simple', body, headers)
    expect(answer.status).toBe(200)
    const length = Number(answer.headers['inference-header-content-length'])
    const head = JSON.parse(answer.body.subarray(0, length).toString())
    expect(head.outputs[0]).toEqual({
      name: 'OUTPUT0',
      datatype: 'INT32',
      shape: [1, 16],
      parameters: { binary_data_size: 64 },
    })
    expect(head.outputs[1].data).toEqual(Array(16).fill(-1))
    const bytes = answer.body.subarray(length)
    expect([...new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 64))]).toEqual(
      sixteen(0).map((i) => 2 * i + 1),
    )
  })

  test('binary_data_output is the default of all outputs; header length 0 is a raw body', async () => {
    const asked = await infer('simple', simple({ parameters: { binary_data_output: true } }))
    expect(asked.headers['content-type']).toBe('application/octet-stream')
    expect(asked.body.byteLength - Number(asked.headers['inference-header-content-length'])).toBe(128)
    const raw = Float32Array.of(1, -2, 3)
    const answer = await infer('vector', new Uint8Array(raw.buffer), { 'Inference-Header-Content-Length': '0' })
    const length = Number(answer.headers['inference-header-content-length'])
    expect(JSON.parse(answer.body.subarray(0, length).toString()).outputs[0].shape).toEqual([3])
    const bytes = answer.body.subarray(length)
    expect([...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 12))]).toEqual([-1, 2, -3])
  })

  test.each([
    ['gzip', gzipSync, gunzipSync],
    ['deflate', deflateSync, inflateSync],
  ] as const)('%s both ways; the header length counts before compression', async (name, pack, unpack) => {
    const { body, headers } = binaryBody(
      {
        inputs: [
          { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
          { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
        ],
        parameters: { binary_data_output: true },
      },
      [Int32Array.from(sixteen(0)), Int32Array.from(sixteen(1))],
    )
    const answer = await infer('simple', pack(body), { ...headers, 'content-encoding': name, 'accept-encoding': name })
    expect([answer.status, answer.headers['content-encoding']]).toEqual([200, name])
    const plain = unpack(answer.body)
    expect(plain.byteLength - Number(answer.headers['inference-header-content-length'])).toBe(128)
  })

  test('deflate without its frame is read too; a list of encodings leaves small answers as they are', async () => {
    const packed = deflateRawSync(JSON.stringify(simple()))
    const answer = await infer('simple', packed, {
      'content-encoding': 'deflate',
      'accept-encoding': 'gzip, deflate, br',
    })
    expect([answer.status, answer.headers['content-encoding']]).toEqual([200, undefined])
  })

  const values: Readonly<Record<string, readonly unknown[]>> = {
    FP32: [0.1, -0.5],
    FP64: [0.1, -1e300],
    INT8: [-128, 127],
    INT16: [-32768, 7],
    INT32: [-2147483648, 7],
    INT64: [7, -1],
    UINT8: [255, 0],
    UINT16: [65535, 0],
    UINT32: [4294967295, 0],
    UINT64: [7, 0],
    BOOL: [true, false],
  }
  const typed = (change: Readonly<Record<string, unknown>> = {}) => ({
    inputs: TYPES.map((type, i) => ({
      name: `x_${type}`,
      datatype: NAMES[i]!,
      shape: [1, 2],
      data: change[type] ?? values[NAMES[i]!],
    })),
  })
  const outputOf = (json: Answer['json'], type: string) =>
    json.outputs.find(({ name }: { name: string }) => name === `y_${type}`)

  test('every datatype goes through JSON and back', async () => {
    const { json } = await infer('types', typed())
    for (const [i, type] of TYPES.entries())
      expect(outputOf(json, type)).toEqual({
        name: `y_${type}`,
        datatype: NAMES[i],
        shape: [1, 2],
        data: values[NAMES[i]!],
      })
  })

  test('whole numbers of 64 bits are exact in JSON', async () => {
    const signed = '[-9223372036854775808,9223372036854775807]'
    const unsigned = '[18446744073709551615,9007199254740993]'
    const body = JSON.stringify(typed({ int64: '#s', uint64: '#u' }))
      .replace('"#s"', signed)
      .replace('"#u"', unsigned)
    const text = (await infer('types', Buffer.from(body))).body.toString()
    expect(text).toContain(`"data":${signed}`)
    expect(text).toContain(`"data":${unsigned}`)
  })

  test.each([
    ['int8', [128, 0]],
    ['uint8', [-1, 0]],
    ['int32', [1.5, 0]],
    ['int64', ['9223372036854775808', 0]],
    ['uint64', [-1, 0]],
    ['bool', [2, 0]],
    ['float', ['1', 0]],
    ['double', [null, 0]],
  ])('%s does not take %j', async (type, data) => {
    const { status, json } = await infer('types', typed({ [type]: data }))
    expect([status, json.error]).toEqual([400, expect.stringContaining(`x_${type}`)])
  })

  test('NaN and infinity: as tokens or strings in, as strings out, as bytes in binary', async () => {
    for (const data of ['[NaN,-Infinity]', '["NaN","-Infinity"]']) {
      const body = `{"id":"NaN","inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":${data}}]}`
      const { json } = await infer('vector', Buffer.from(body))
      expect([json.id, json.outputs[0].data]).toEqual(['NaN', ['NaN', 'Infinity']])
    }
    const { body, headers } = binaryBody(
      {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], parameters: { binary_data_size: 16 } }],
        outputs: [{ name: 'y', parameters: { binary_data: true } }],
      },
      [Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0, Number.NEGATIVE_INFINITY)],
    )
    const answer = await infer('classes', body, headers)
    expect(answer.body.subarray(-16)).toEqual(body.subarray(-16))
  })

  test('strings: any text, the empty one; zero characters, at which the runtime would cut, are refused', async () => {
    const data = ['', 'ß€😀', 'a\nb']
    const { json } = await infer('strings', { inputs: [{ name: 's', datatype: 'BYTES', shape: [3], data }] })
    expect(json.outputs[0]).toEqual({ name: 't', datatype: 'BYTES', shape: [3], data })
    const cut = await infer('strings', { inputs: [{ name: 's', datatype: 'BYTES', shape: [1], data: ['a\u0000b'] }] })
    expect([cut.status, cut.json.error]).toEqual([400, expect.stringContaining('zero character')])
  })

  test('strings: what is no UTF-8 is refused and not changed, whichever way it comes; a BOM stays', async () => {
    const sent = (...strings: readonly Buffer[]) => {
      const lengths = strings.map((one) => Buffer.from(Uint32Array.of(one.byteLength).buffer))
      const bytes = Buffer.concat(strings.flatMap((one, i) => [lengths[i]!, one]))
      const parameters = { binary_data_size: bytes.byteLength }
      const inputs = [{ name: 's', datatype: 'BYTES', shape: [strings.length], parameters }]
      const { body, headers } = binaryBody({ inputs, parameters: { binary_data_output: true } }, [bytes])
      return infer('strings', body, headers)
    }
    const bom = await sent(Buffer.from('efbbbf626f6d', 'hex'), Buffer.alloc(0))
    expect(bom.body.subarray(-14).toString('hex')).toBe('06000000efbbbf626f6d00000000')
    // The end of the first and the length of the second would be a character together.
    for (const second of [Buffer.alloc(0xa9, 'x'), Buffer.from('ff', 'hex')]) {
      const { status, json } = await sent(Buffer.from('61c3', 'hex'), second)
      expect([status, json?.error]).toEqual([400, expect.stringMatching(/'s' .*no UTF-8 \(element 0\)/)])
    }
    const json = (data: string) =>
      Buffer.from(`{"inputs":[{"name":"s","datatype":"BYTES","shape":[1],"data":["${data}"]}]}`, 'latin1')
    for (const data of ['\xff\xfe', '\\ud83d'])
      expect([data, (await infer('strings', json(data))).status]).toEqual([data, 400])
    expect((await infer('strings', json('\\ufeff\\ud83d\\ude00'))).json.outputs[0].data).toEqual(['\ufeff😀'])
  })

  test('tensors without elements', async () => {
    const { status, json } = await infer('vector', { inputs: [{ name: 'x', datatype: 'FP32', shape: [0], data: [] }] })
    expect([status, json.outputs[0]]).toEqual([200, { name: 'y', datatype: 'FP32', shape: [0], data: [] }])
  })

  test('half precision needs binary', async () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }]
    expect((await infer('half', { inputs })).json.error).toContain('FP16 data via JSON is not supported')
    const answer = await infer('half', { inputs, outputs: [{ name: 'y', parameters: { binary_data: true } }] })
    expect([...answer.body.subarray(-2)]).toEqual([0x00, 0x3c])
  })

  test('classification gives the greatest values with their places', async () => {
    const { json } = await infer('classes', {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 4], data: [1, 4, 2, 3, 0.5, 0, 0, 0] }],
      outputs: [{ name: 'y', parameters: { classification: 2 } }],
    })
    expect(json.outputs).toEqual([
      { name: 'y', datatype: 'BYTES', shape: [2, 2], data: ['4:1', '3:3', '0.500000:0', '0:1'] },
    ])
  })

  test('priority, timeout and unknown parameters are taken', async () => {
    const parameters = { priority: 1, timeout: 5_000_000, anything: 'else', sequence_id: 0 }
    expect((await infer('simple', simple({ parameters }))).status).toBe(200)
  })
})
