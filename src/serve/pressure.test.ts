import { connect } from 'node:net'
import { Client, credentials, status as grpcStatus } from '@grpc/grpc-js'
import { afterEach, expect, test, vi } from 'vitest'
import { ask, binaryBody, modelFolder, serve, withPlan, writeModelText } from '../../tests/serve-kit.ts'
import { UserError } from '../platform/index.ts'
import { encode } from './grpc/messages.ts'
import type { Server } from './index.ts'
import { jsonLog } from './log.ts'
import { makeKey } from './security/keys.ts'

let server: Server | null = null
afterEach(async () => {
  vi.restoreAllMocks()
  await server?.close()
  server = null
})

const PATIENCE = 120_000
/** Takes some tens of milliseconds. */
const SLOW = `g (float[1,1] x) => (float[1,1] y) <int64[2] side = {1200,1200}, int64[2] one = {1,1}> {
  e = Expand(x, side)  a = MatMul(e, e)  b = MatMul(a, e)  m = ReduceMean(b)  y = Reshape(m, one) }`
/** Eight megabytes of the number that came in: more than the buffers of a connection hold. */
const ELEMENTS = 2 << 20
const WIDE = `g (float[N,1] x) => (float[N,${ELEMENTS}] y) <int64[2] wide = {1,${ELEMENTS}}> { y = Expand(x, wide) }`

const body = (x: number, parameters: object = {}) => ({
  parameters,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [x] }],
})
const infer = (model: string, sent: object, headers: Record<string, string> = {}) =>
  ask(server!.http, 'POST', `/v2/models/${model}/infer`, sent, headers)
const statistics = (model: string) => server!.core.registry.version(model, '').statistics
const slow = (batch: Parameters<typeof withPlan>[1] = {}) =>
  serve(modelFolder({ 'slow.onnx': SLOW }), { settings: withPlan({ maxBatch: 1 }, { ahead: false, ...batch }) })

test(
  'a full queue: 429 with advice for the rest, an answer for those who wait',
  async () => {
    server = await slow({ maxQueue: 2 })
    const answers = await Promise.all(Array.from({ length: 12 }, () => infer('slow', body(0))))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ headers }) => Number(headers['retry-after']) >= 1)).toBe(true)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(12 - refused.length)
    expect((await infer('slow', body(0))).status).toBe(200)
  },
  PATIENCE,
)

test(
  'who runs out of time is told 504 and not run; the others are answered',
  async () => {
    server = await slow()
    const first = infer('slow', body(0))
    const late = await Promise.all(Array.from({ length: 6 }, () => infer('slow', body(0, { timeout: 1000 }))))
    expect((await first).status).toBe(200)
    const timedOut = late.filter(({ status }) => status === 504)
    expect(timedOut.length).toBeGreaterThan(0)
    expect(late.every(({ status }) => status === 504 || status === 200)).toBe(true)
    expect((await infer('slow', body(0))).status).toBe(200)
    // One of the late may have been in a run when its time was over.
    expect(statistics('slow').executions).toBeLessThanOrEqual(2 + 1 + late.length - timedOut.length)
  },
  PATIENCE,
)

test(
  'equal requests that share a run keep each its own limit',
  async () => {
    const settings = withPlan({ maxBatch: 1 }, { ahead: false })
    server = await serve(modelFolder({ 'slow.onnx': SLOW }), { cacheBytes: 1 << 20, settings })
    const version = server.core.registry.version('slow', '')
    const before = [11, 12, 13, 14, 15, 16].map((x) => infer('slow', body(x)))
    while (version.waiting < 4) await new Promise((resolve) => setImmediate(resolve))
    const patient = infer('slow', body(1))
    const hasty = infer('slow', body(1, { timeout: 1000 }))
    expect([(await hasty).status, (await patient).status]).toEqual([504, 200])
    const first = infer('slow', body(2, { timeout: 1000 }))
    while (server.core.cache!.misses < before.length + 2) await new Promise((resolve) => setImmediate(resolve))
    const second = infer('slow', body(2))
    expect([(await first).status, (await second).status]).toEqual([504, 200])
    expect((await Promise.all(before)).every(({ status }) => status === 200)).toBe(true)
  },
  PATIENCE,
)

/** Sends a request and gives the connection, which nobody reads yet. */
function send(model: string, { body: bytes, headers }: ReturnType<typeof binaryBody>) {
  const [host, port] = server!.http!.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => {})
  const head = Object.entries({ ...headers, 'Content-Length': String(bytes.byteLength), Connection: 'close' })
  const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`POST /v2/models/${model}/infer HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
  socket.write(bytes)
  return socket
}

const binary = (x: number) =>
  binaryBody(
    {
      parameters: { binary_data_output: true },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], parameters: { binary_data_size: 4 } }],
    },
    [Float32Array.of(x)],
  )

test(
  'whoever leaves while waiting is not run',
  async () => {
    server = await slow()
    const first = infer('slow', body(0))
    const leavers = Array.from({ length: 5 }, () => send('slow', binary(0)))
    const version = server.core.registry.version('slow', '')
    while (version.waiting < 5) await new Promise((resolve) => setTimeout(resolve, 1))
    for (const socket of leavers) socket.destroy()
    while (version.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect((await first).status).toBe(200)
    expect((await infer('slow', body(0))).status).toBe(200)
    // The lane may have come free before the last of them had left.
    expect(statistics('slow').executions).toBeLessThan(2 + 5)
  },
  PATIENCE,
)

test(
  'gRPC: calls that are cancelled or run out of their own time leave the queue',
  async () => {
    server = await slow()
    const version = server.core.registry.version('slow', '')
    const client = new Client(server.grpc!, credentials.createInsecure())
    const call = (deadline?: Date) => {
      let cancel = () => {}
      const code = new Promise<number>((resolve) => {
        const made = client.makeUnaryRequest(
          '/inference.GRPCInferenceService/ModelInfer',
          (message: object) => encode('ModelInferRequest', message),
          (bytes: Buffer) => bytes,
          {
            modelName: 'slow',
            inputs: [{ name: 'x', datatype: 'FP32', shape: [1n, 1n] }],
            rawInputContents: [new Uint8Array(4)],
          },
          deadline ? { deadline } : {},
          (error) => resolve(error?.code ?? grpcStatus.OK),
        )
        cancel = () => made.cancel()
      })
      return { code, cancel }
    }
    const calls = Array.from({ length: 8 }, () => call())
    while (version.waiting < 7) await new Promise((resolve) => setTimeout(resolve, 1))
    for (const { cancel } of calls) cancel()
    const codes = await Promise.all(calls.map(({ code }) => code))
    // The first may have been answered before.
    expect(codes.slice(1)).toEqual(Array(7).fill(grpcStatus.CANCELLED))
    await expect.poll(() => version.waiting).toBe(0)
    const first = call()
    const late = Array.from({ length: 4 }, () => call(new Date(Date.now() + 5)))
    const told = await Promise.all(late.map(({ code }) => code))
    expect(told).toContain(grpcStatus.DEADLINE_EXCEEDED)
    await expect.poll(() => version.waiting).toBe(0)
    expect(await first.code).toBe(grpcStatus.OK)
    client.close()
  },
  PATIENCE,
)

test(
  'large answers: slow readers, and others that leave halfway, do not change what anybody gets',
  async () => {
    server = await serve(modelFolder({ 'wide.onnx': WIDE }), { settings: withPlan({ maxBatch: 2 }) })
    const read = (x: number, manner: 'at once' | 'slowly' | 'half') =>
      new Promise<string>((resolve) => {
        const socket = send('wide', binary(x))
        const chunks: Buffer[] = []
        let bytes = 0
        socket.on('data', (chunk) => {
          chunks.push(chunk)
          bytes += chunk.byteLength
          if (manner === 'half' && bytes > 2 * ELEMENTS) socket.destroy()
          if (manner === 'slowly' && chunks.length % 16 === 1) {
            socket.pause()
            setTimeout(() => socket.resume(), 5)
          }
        })
        socket.on('close', () => {
          if (manner === 'half') return resolve('left')
          const whole = Buffer.concat(chunks)
          const tail = new Uint8Array(whole.subarray(whole.byteLength - 4 * ELEMENTS))
          const values = new Float32Array(tail.buffer)
          const wrong = values.filter((value) => value !== x).length
          resolve(wrong === 0 && whole.toString('latin1', 0, 15) === 'HTTP/1.1 200 OK' ? 'right' : `${wrong} wrong`)
        })
      })
    for (let round = 0; round < 3; round++) {
      const manners = Array.from({ length: 12 }, (_, i) => (['at once', 'slowly', 'half', 'at once'] as const)[i % 4]!)
      const seen = await Promise.all(manners.map((manner, i) => read(100 * round + i + 1, manner)))
      expect(seen).toEqual(manners.map((manner) => (manner === 'half' ? 'left' : 'right')))
    }
  },
  PATIENCE,
)

test(
  'a clock that jumps: nobody times out, no rate opens, answers go on',
  async () => {
    const key = makeKey('a', ['infer'])
    server = await serve(modelFolder({ 'wide.onnx': WIDE, 'slow.onnx': SLOW }), {
      keys: [{ ...key.entry, requestsPerSecond: 0.001, burst: 3 }],
      cacheBytes: 1 << 20,
    })
    const bearer = { authorization: `Bearer ${key.key}` }
    const real = Date.now
    const jumps = [0, 86_400_000, -86_400_000, 10 * 365 * 86_400_000]
    const statuses: number[] = []
    for (const jump of jumps) {
      vi.spyOn(Date, 'now').mockImplementation(() => real() + jump)
      const under = infer('slow', body(statuses.length), bearer)
      vi.spyOn(Date, 'now').mockImplementation(() => real() - jump)
      statuses.push((await under).status)
    }
    expect(statuses).toEqual([200, 200, 200, 429])
  },
  PATIENCE,
)

test(
  'a version whose rehearsal fails does not take over, and says why',
  async () => {
    const times = (by: number) => `g (float[N,2] x) => (float[N,2] y) <float k = {${by}}> { y = Mul(x, k) }`
    const folder = modelFolder({ 'scaled/1/model.onnx': times(1) })
    const lines: string[] = []
    server = await serve(folder, {
      log: jsonLog((line) => lines.push(line)),
      rehearse: async (_session, { version }) => {
        if (version !== '1') throw new UserError('bad-data', 'the sample has 3 columns, and x takes 2')
        return { samples: [], invariance: null }
      },
    })
    writeModelText(`${folder}/scaled/2/model.onnx`, times(2))
    const { status, json } = await ask(server.admin, 'POST', '/v2/repository/models/scaled/load')
    expect([status, json.error]).toEqual([400, expect.stringMatching(/^failed to load 'scaled'/)])
    // The operator reads the reason, the client does not: it may speak of files.
    expect(lines.join('\n')).toContain('the sample has 3 columns')
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }]
    expect((await infer('scaled', { inputs })).json.model_version).toBe('1')
  },
  PATIENCE,
)
