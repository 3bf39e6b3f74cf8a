import { once } from 'node:events'
import { connect } from 'node:http2'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelFolder, SIMPLE, serve } from '../../../tests/serve-kit.ts'
import type { Server } from '../index.ts'
import { decode, encode, type MessageName } from './messages.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await serve(
    modelFolder({
      'simple.onnx': SIMPLE,
      'strings.onnx': 'g (string[N] s) => (string[N] t) { t = Identity(s) }',
      'vector.onnx': 'g (float[N] x) => (float[N] y) { y = Neg(x) }',
    }),
  )
  client = new Client(server.grpc!, credentials.createInsecure())
}, 120_000)
afterAll(async () => {
  client?.close()
  await server?.close()
})

// biome-ignore lint/suspicious/noExplicitAny: an answer is what a test expects of it
type Message = any

const INFERENCE = 'inference.GRPCInferenceService'
function call(method: string, request: MessageName, response: MessageName, fields: object = {}, service = INFERENCE) {
  return new Promise<Message>((resolve, reject) =>
    client.makeUnaryRequest(
      `/${service}/${method}`,
      (message: object) => encode(request, message),
      (bytes: Buffer) => decode<Message>(response, bytes),
      fields,
      (error, message) => (error ? reject(error) : resolve(message)),
    ),
  )
}
const infer = (fields: object) => call('ModelInfer', 'ModelInferRequest', 'ModelInferResponse', fields)
const failure = (fields: object): Promise<ServiceError> =>
  infer(fields).then(
    () => Promise.reject(new Error('it was answered')),
    (error) => error,
  )

const sixteen = (from: number) => Array.from({ length: 16 }, (_, i) => from + i)
const bytes = (values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer)
const port = (name: string, more: object = {}) => ({ name, datatype: 'INT32', shape: [1n, 16n], ...more })
const raw = (more: object = {}) => ({
  modelName: 'simple',
  inputs: [port('INPUT0'), port('INPUT1')],
  rawInputContents: [bytes(sixteen(0)), bytes(sixteen(1))],
  ...more,
})
/** A message as gRPC sends it: not compressed, its length, itself. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.byteLength, 1)
  return Buffer.concat([head, message])
}
const integers = (buffer: Uint8Array) => [...new Int32Array(new Uint8Array(buffer).buffer)]

test('live, ready, and the standard health service', async () => {
  expect((await call('ServerLive', 'ServerLiveRequest', 'ServerLiveResponse')).live).toBe(true)
  expect((await call('ServerReady', 'ServerReadyRequest', 'ServerReadyResponse')).ready).toBe(true)
  expect((await call('ModelReady', 'ModelReadyRequest', 'ModelReadyResponse', { name: 'simple' })).ready).toBe(true)
  expect((await call('Check', 'HealthCheckRequest', 'HealthCheckResponse', {}, 'grpc.health.v1.Health')).status).toBe(1)
})

test('metadata, configuration, statistics, index', async () => {
  const metadata = await call('ModelMetadata', 'ModelMetadataRequest', 'ModelMetadataResponse', { name: 'vector' })
  expect(metadata).toMatchObject({
    name: 'vector',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1n] }],
  })
  const { config } = await call('ModelConfig', 'ModelConfigRequest', 'ModelConfigResponse', { name: 'simple' })
  expect(config).toMatchObject({
    name: 'simple',
    input: [{ name: 'INPUT0', dataType: 8, dims: [1n, 16n] }, {}],
    instanceGroup: [{ name: 'simple', kind: 2, count: expect.any(Number) }],
    parameters: { digest: { stringValue: expect.stringMatching(/^sha256:/) } },
  })
  await infer(raw())
  const { modelStats } = await call('ModelStatistics', 'ModelStatisticsRequest', 'ModelStatisticsResponse', {
    name: 'simple',
  })
  expect(modelStats[0].inferenceStats.success.count).toBeGreaterThan(0n)
  const { models } = await call('RepositoryIndex', 'RepositoryIndexRequest', 'RepositoryIndexResponse')
  expect(models.map(({ name, state }: Message) => [name, state])).toContainEqual(['simple', 'READY'])
  const about = await call('ServerMetadata', 'ServerMetadataRequest', 'ServerMetadataResponse')
  expect([about.name, about.extensions.length]).toEqual(['whetstone', expect.any(Number)])
})

describe('inference', () => {
  test('raw contents in, raw contents out, the id comes back', async () => {
    const answer = await infer(raw({ id: 'seven' }))
    expect([answer.id, answer.modelName, answer.modelVersion]).toEqual(['seven', 'simple', '1'])
    expect(answer.outputs.map(({ name, datatype, shape }: Message) => [name, datatype, shape])).toEqual([
      ['OUTPUT0', 'INT32', [1n, 16n]],
      ['OUTPUT1', 'INT32', [1n, 16n]],
    ])
    expect(answer.rawOutputContents.map(integers)).toEqual([sixteen(0).map((i) => 2 * i + 1), Array(16).fill(-1)])
  })

  test('typed contents in, chosen outputs out', async () => {
    const answer = await infer({
      modelName: 'simple',
      inputs: [
        port('INPUT0', { contents: { intContents: sixteen(0) } }),
        port('INPUT1', { contents: { intContents: sixteen(1) } }),
      ],
      outputs: [{ name: 'OUTPUT1' }],
    })
    expect(answer.rawOutputContents.map(integers)).toEqual([Array(16).fill(-1)])
    const texts = ['ß', '', 'x'].map((text) => new TextEncoder().encode(text))
    const strings = await infer({
      modelName: 'strings',
      inputs: [{ name: 's', datatype: 'BYTES', shape: [3n], contents: { bytesContents: texts } }],
    })
    expect(Buffer.from(strings.rawOutputContents[0]).toString('hex')).toBe('02000000c39f000000000100000078')
  })

  test('strings are the bytes that were sent, in both forms; what is no UTF-8 is refused', async () => {
    const strings = (text: Uint8Array) => {
      const input = { name: 's', datatype: 'BYTES', shape: [1n] }
      const raw = Buffer.concat(
        [Uint32Array.of(text.byteLength), text].map((one) =>
          Buffer.from(new Uint8Array(one.buffer, one.byteOffset, one.byteLength)),
        ),
      )
      return [
        { modelName: 'strings', inputs: [{ ...input, contents: { bytesContents: [text] } }] },
        { modelName: 'strings', inputs: [input], rawInputContents: [raw] },
      ]
    }
    for (const fields of strings(Buffer.from('efbbbf626f6d', 'hex')))
      expect(Buffer.from((await infer(fields)).rawOutputContents[0]).toString('hex')).toBe('06000000efbbbf626f6d')
    for (const fields of strings(Buffer.from('fffe', 'hex'))) {
      const error = await failure(fields)
      expect([error.code, error.details]).toEqual([
        status.INVALID_ARGUMENT,
        expect.stringMatching(/'s' .*no UTF-8 \(element 0\)/),
      ])
    }
  })

  test('classification', async () => {
    const answer = await infer({
      modelName: 'vector',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [3n], contents: { fp32Contents: [1, -2, 0] } }],
      outputs: [{ name: 'y', parameters: { classification: { parameterChoice: { case: 'int64Param', value: 1n } } } }],
    })
    expect(Buffer.from(answer.rawOutputContents[0]).subarray(4).toString()).toBe('2:1')
  })

  test('a stream answers each request in its order and by its id, errors in the message', async () => {
    const stream = client.makeBidiStreamRequest(
      `/${INFERENCE}/ModelStreamInfer`,
      (message: object) => encode('ModelInferRequest', message),
      (buffer: Buffer) => decode<Message>('ModelStreamInferResponse', buffer),
    )
    const seen: unknown[] = []
    const ended = new Promise<void>((resolve, reject) => stream.on('end', resolve).on('error', reject))
    stream.on('data', ({ errorMessage, inferResponse }: Message) => seen.push([inferResponse?.id, errorMessage]))
    const requests = [raw({ id: 'a' }), raw({ id: 'b', modelName: 'nobody' }), raw({ id: 'c' })]
    for (const request of requests) stream.write(request)
    stream.end()
    await ended
    expect(seen).toEqual([
      ['a', ''],
      ['b', "Request for unknown model: 'nobody' is not found"],
      ['c', ''],
    ])
  })

  test('a stream whose answers nobody reads is not read on, and loses none of them', async () => {
    const warnings: string[] = []
    const warned = ({ message }: Error) => warnings.push(message)
    process.on('warning', warned)
    const [many, length] = [500, 4096]
    // A client of its own, which takes no more than HTTP/2 makes it take.
    const session = connect(`http://${server.grpc}`)
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${INFERENCE}/ModelStreamInfer`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.pause()
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [BigInt(length)] }]
    const rawInputContents = [new Uint8Array(4 * length)]
    for (let i = 0; i < many; i++)
      stream.write(framed(encode('ModelInferRequest', { modelName: 'vector', id: `${i}`, inputs, rawInputContents })))
    stream.end()
    const { success } = server.core.registry.version('vector', '').statistics
    const before = success.count
    for (let seen = -1; seen < success.count || seen === before; ) {
      seen = success.count
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    expect(success.count - before).toBeLessThan(many / 2)
    const pieces: Buffer[] = []
    stream.on('data', (piece) => pieces.push(piece))
    stream.resume()
    await once(stream, 'end')
    session.close()
    const ids: string[] = []
    for (let rest = Buffer.concat(pieces); rest.byteLength > 0; ) {
      const end = 5 + rest.readUInt32BE(1)
      ids.push(decode<Message>('ModelStreamInferResponse', rest.subarray(5, end)).inferResponse?.id)
      rest = rest.subarray(end)
    }
    expect(ids).toEqual(Array.from({ length: many }, (_, i) => `${i}`))
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  test.each<[string, object, number, RegExp]>([
    ['an unknown model', { modelName: 'wrong' }, status.NOT_FOUND, /^Request for unknown model/],
    ['an unknown version', { modelVersion: '99' }, status.NOT_FOUND, /^Request for unknown model: 'simple' version 99/],
    [
      'contents beside raw contents',
      { inputs: [port('INPUT0', { contents: { intContents: sixteen(0) } }), port('INPUT1')] },
      status.INVALID_ARGUMENT,
      /contents field must not be specified when using raw_input_contents/,
    ],
    [
      'too few raw contents',
      { rawInputContents: [bytes(sixteen(0))] },
      status.INVALID_ARGUMENT,
      /expected 2 raw_input/,
    ],
    ['too few bytes', { rawInputContents: [bytes([1]), bytes([1])] }, status.INVALID_ARGUMENT, /Expected 64, got 4/],
    ['a negative dimension', { inputs: [port('INPUT0', { shape: [-1n, 16n] }), port('INPUT1')] }, 3, /INPUT0/],
    ['an overflowing shape', { inputs: [port('INPUT0', { shape: [2n ** 62n, 16n] }), port('INPUT1')] }, 3, /INPUT0/],
    ['a wrong datatype', { inputs: [port('INPUT0', { datatype: 'FP32' }), port('INPUT1')] }, 3, /'FP32', but model/],
    ['an unknown output', { outputs: [{ name: 'NOPE' }] }, 3, /unexpected inference output 'NOPE'/],
    ['an output twice', { outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }, 3, /more than once/],
  ])('%s', async (_, change, code, text) => {
    const error = await failure(raw(change))
    expect([error.code, error.details]).toEqual([code, expect.stringMatching(text)])
  })

  test('a message that is none, and an unknown method', async () => {
    const garbage = (method: string) =>
      new Promise<ServiceError>((resolve) =>
        client.makeUnaryRequest(
          `/${INFERENCE}/${method}`,
          () => Buffer.from('ffffffffff', 'hex'),
          (buffer: Buffer) => buffer,
          {},
          (error) => resolve(error as ServiceError),
        ),
      )
    expect(await garbage('ModelInfer')).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'the bytes of the message are no ModelInferRequest',
    })
    expect((await garbage('CudaSharedMemoryStatus')).code).toBe(status.UNIMPLEMENTED)
    expect((await infer(raw({ id: 'still there' }))).id).toBe('still there')
  })
})
