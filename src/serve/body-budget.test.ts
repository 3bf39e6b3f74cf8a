import { once } from 'node:events'
import http2 from 'node:http2'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Client, credentials, status as grpcStatus } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { ask, binaryBody, modelFolder, serve } from '../../tests/serve-kit.ts'
import { encode } from './grpc/messages.ts'
import { DEFAULT_LIMITS, type Server } from './index.ts'

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

const PATIENCE = 60_000
const LIMIT = 1 << 20
/** Floats of a tensor that takes more than half of the limit. */
const WIDTH = 160_000
const folder = () => modelFolder({ 'neg.onnx': 'g (float[N,M] x) => (float[N,M] y) { y = Neg(x) }' })
const start = async (limits: Partial<typeof DEFAULT_LIMITS> = {}) => {
  server = await serve(folder(), { limits: { ...DEFAULT_LIMITS, maxBodiesBytes: LIMIT, ...limits }, drainMs: 1000 })
}

const tensor = (width: number) => Float32Array.from({ length: width }, (_, i) => i % 100)
const request = (width: number) => {
  const input = { name: 'x', datatype: 'FP32', shape: [1, width], parameters: { binary_data_size: 4 * width } }
  return binaryBody({ outputs: [{ name: 'y', parameters: { binary_data: true } }], inputs: [input] }, [tensor(width)])
}
const infer = (width: number, encoding?: 'gzip') => {
  const { body, headers } = request(width)
  const path = '/v2/models/neg/infer'
  if (!encoding) return ask(server!.http, 'POST', path, body, headers)
  return ask(server!.http, 'POST', path, gzipSync(body), { ...headers, 'content-encoding': encoding })
}

const heldBytes = async () =>
  Number(/^whetstone_held_bytes (\d+)$/m.exec((await ask(server!.http, 'GET', '/metrics')).body.toString())![1])

/** A client that sends a large body but for its last byte, and keeps it there. */
async function holdBody() {
  const { body, headers } = request(WIDTH)
  const [host, port] = server!.http!.split(':')
  const socket = connect(Number(port), host).on('error', () => {})
  await once(socket, 'connect')
  const head = Object.entries({ ...headers, 'Content-Length': String(body.byteLength) })
  const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`POST /v2/models/neg/infer HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
  socket.write(body.subarray(0, -1))
  await expect.poll(heldBytes, { timeout: PATIENCE }).toBeGreaterThan(LIMIT / 2)
  return { socket, finish: () => socket.write(body.subarray(-1)) }
}

test(
  'bodies that together hold more than they may: 429 with advice for large ones, answers for small ones and for health',
  async () => {
    await start()
    const { socket, finish } = await holdBody()
    const refused = [await infer(WIDTH), await infer(WIDTH, 'gzip')]
    for (const { status, headers, json } of refused) {
      expect([status, headers['retry-after']]).toEqual([429, '1'])
      expect(json.error).toMatch(/hold as much memory as they may/)
    }
    expect((await infer(10)).status).toBe(200)
    expect((await ask(server!.http, 'GET', '/v2/health/ready')).status).toBe(200)
    const answer = once(socket, 'data')
    finish()
    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
    await expect.poll(heldBytes).toBe(0)
    expect((await infer(WIDTH)).status).toBe(200)
    expect((await infer(WIDTH, 'gzip')).status).toBe(200)
  },
  PATIENCE,
)

test(
  'a body that is alone may be larger than all together',
  async () => {
    await start({ maxBodiesBytes: 1024 })
    expect((await infer(WIDTH)).status).toBe(200)
    expect((await infer(WIDTH, 'gzip')).status).toBe(200)
  },
  PATIENCE,
)

test(
  'an answer that nobody takes counts until its connection is cut',
  async () => {
    // More than the buffers of a connection hold.
    const width = 4 << 20
    await start({ stalledMs: 1500 })
    const { body, headers } = request(width)
    const [host, port] = server!.http!.split(':')
    const socket = connect(Number(port), host).on('error', () => {})
    const lines = Object.entries({ ...headers, 'Content-Length': String(body.byteLength) })
    socket.write(
      `POST /v2/models/neg/infer HTTP/1.1\r\nHost: x\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    )
    socket.write(body)
    await once(socket, 'readable')
    expect((await infer(WIDTH)).status).toBe(429)
    await expect.poll(async () => (await infer(WIDTH)).status, { timeout: PATIENCE }).toBe(200)
    socket.destroy()
  },
  PATIENCE,
)

const METHOD = '/inference.GRPCInferenceService/'
const message = (width: number) => ({
  modelName: 'neg',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1n, BigInt(width)] }],
  rawInputContents: [new Uint8Array(tensor(width).buffer)],
})
const write = (sent: object) => encode('ModelInferRequest', sent)
const read = (bytes: Buffer) => bytes
const call = (client: Client, width: number) =>
  new Promise<number>((resolve) => {
    client.makeUnaryRequest(`${METHOD}ModelInfer`, write, read, message(width), (error) =>
      resolve(error?.code ?? grpcStatus.OK),
    )
  })

test.each([
  ['plain', {}],
  ['gzip', { 'grpc.default_compression_algorithm': 2 }],
])(
  'gRPC, %s: the same for messages, and a stream gives back what is answered',
  async (_, options) => {
    await start({ maxBodiesBytes: 2 * LIMIT })
    const client = new Client(server!.grpc!, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      ...options,
    })
    try {
      expect(await call(client, WIDTH)).toBe(grpcStatus.OK)
      const stream = client.makeBidiStreamRequest(`${METHOD}ModelStreamInfer`, write, read)
      stream.on('error', () => {})
      // A stream that idles holds nothing of the ten messages that it has sent.
      for (let i = 0; i < 10; i++) {
        stream.write(message(WIDTH))
        const [bytes] = (await once(stream, 'data')) as [Buffer]
        expect(bytes.byteLength).toBeGreaterThan(4 * WIDTH)
      }
      expect(await call(client, WIDTH)).toBe(grpcStatus.OK)
      stream.cancel()
    } finally {
      client.close()
    }
  },
  PATIENCE,
)

test.each([
  ['plain', {}],
  ['gzip', { 'grpc.default_compression_algorithm': 2 }],
])(
  'gRPC, %s: a message for which there is no room is refused, a small one is not',
  async (_, options) => {
    await start()
    const { socket } = await holdBody()
    const client = new Client(server!.grpc!, credentials.createInsecure(), options)
    try {
      expect(await call(client, WIDTH)).toBe(grpcStatus.RESOURCE_EXHAUSTED)
      expect(await call(client, 10)).toBe(grpcStatus.OK)
      socket.destroy()
      await expect.poll(() => call(client, WIDTH)).toBe(grpcStatus.OK)
    } finally {
      client.close()
    }
  },
  PATIENCE,
)

test(
  'gRPC: an answer that nobody takes counts until its call is cut off',
  async () => {
    await start({ stalledMs: 1500 })
    const session = http2.connect(`http://${server!.grpc}`).on('error', () => {})
    const headers = { ':method': 'POST', ':path': `${METHOD}ModelInfer`, 'content-type': 'application/grpc' }
    const unread = session.request(headers).on('error', () => {})
    const sent = write(message(WIDTH))
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(sent.byteLength, 1)
    unread.end(Buffer.concat([prefix, sent]))
    await once(unread, 'response')
    expect(await heldBytes()).toBeGreaterThan(LIMIT / 2)
    await expect.poll(heldBytes, { timeout: PATIENCE }).toBe(0)
    session.destroy()
  },
  PATIENCE,
)
