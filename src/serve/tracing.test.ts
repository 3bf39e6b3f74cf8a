import { createServer, type Server as HttpServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { modelFolder, serve, withPlan } from '../../tests/serve-kit.ts'
import { silentLog } from './log.ts'
import { parentOf, Tracer } from './tracing.ts'

const LONG = 300_000
const soon = { timeout: 60_000, interval: 5 }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
  readonly status: object
}

const servers: HttpServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
})

/** A collector that answers with these codes, one after the other, the last for ever. */
async function collector(...codes: readonly number[]) {
  const got: { readonly headers: IncomingHttpHeaders; readonly spans: readonly Span[] }[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      reply.writeHead(codes[Math.min(got.length, codes.length - 1)]!).end('{}')
      got.push({ headers: request.headers, spans: JSON.parse(body).resourceSpans[0].scopeSpans[0].spans })
    })
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` }
}

const seen = {
  traceparent: undefined,
  model: 'm',
  version: '1',
  requestId: 'r',
  rows: 1,
  tookMs: 2,
  queueMs: 0.5,
  runMs: 1,
  error: null,
}
const counts = (tracer: Tracer) => [...tracer.metrics().matchAll(/outcome="[a-z]+"} (\d+)/g)].map(([, n]) => Number(n))

test('what is a parent by W3C trace context, and what is not', () => {
  expect(parentOf(PARENT)).toEqual({ trace: TRACE, span: 'b7ad6b7169203331', sampled: true })
  expect(parentOf(PARENT.replace(/01$/, '00'))!.sampled).toBe(false)
  // A newer version may say more.
  expect(parentOf(`cc${PARENT.slice(2)}-more`)).not.toBeNull()
  const zeros = (n: number) => '0'.repeat(n)
  for (const wrong of [
    undefined,
    '',
    `ff${PARENT.slice(2)}`,
    `${PARENT}-more`,
    PARENT.toUpperCase(),
    `00-${zeros(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${zeros(16)}-01`,
    `00-${TRACE}-b7ad6b71692033-01`,
  ])
    expect(parentOf(wrong), String(wrong)).toBeNull()
})

test.each([
  ['x-key=100%', 1],
  ['other=1,=value', 2],
  ['Bearer abc', 1],
  ['other=1, a b=c', 2],
  ['x-key=a%0ab', 1],
])('headers for a collector that are none are the mistake of whoever wrote them: %s', (headers, place) => {
  const make = () => new Tracer({ url: 'http://127.0.0.1:1/', share: 1, headers }, silentLog)
  expect(make).toThrow(
    expect.objectContaining({
      code: 'bad-argument',
      message: `header ${place} for the collector is no header`,
      where: 'OTEL_EXPORTER_OTLP_HEADERS',
    }),
  )
})

test('spans go out in batches, are kept where a collector is busy, and dropped where it refuses them', async () => {
  const { got, url } = await collector(503, 200, 400)
  const tracer = new Tracer({ url, share: 1, headers: 'x-key=a%20b, other=1', flushMs: 5 }, silentLog)
  tracer.record(seen)
  tracer.record({ ...seen, traceparent: PARENT, error: 'unavailable' })
  tracer.record({ ...seen, traceparent: PARENT.replace(/01$/, '00') })
  await expect.poll(() => counts(tracer), soon).toEqual([2, 0])
  expect(got.map(({ spans }) => spans.length)).toEqual([2, 2])
  expect(got[1]!.headers).toMatchObject({ 'x-key': 'a b', other: '1' })
  const [own, given] = got[1]!.spans
  expect(own!.traceId).toMatch(/^[0-9a-f]{32}$/)
  expect([own!.parentSpanId, own!.status]).toEqual([undefined, {}])
  expect(given).toMatchObject({
    traceId: TRACE,
    parentSpanId: 'b7ad6b7169203331',
    name: 'infer m',
    status: { code: 2 },
  })
  expect(BigInt(given!.endTimeUnixNano) - BigInt(given!.startTimeUnixNano)).toBe(2_000_000n)
  tracer.record({ ...seen, error: 'invalid' })
  await expect.poll(() => counts(tracer), soon).toEqual([2, 1])
  await tracer.close()
})

test('without a trace, a share is told; what waits is bounded', async () => {
  const none = new Tracer({ url: 'http://127.0.0.1:1/v1/traces', share: 0, flushMs: 1e6 }, silentLog)
  none.record(seen)
  await none.close()
  expect(counts(none)).toEqual([0, 0])
  const away = new Tracer({ url: 'http://127.0.0.1:1/v1/traces', share: 1, flushMs: 1e6 }, silentLog)
  for (let i = 0; i < 5000; i++) away.record(seen)
  await away.close()
  // What was on its way came back when the places were taken.
  expect(counts(away)).toEqual([0, 5000 - 4096])
  expect(() => new Tracer({ url: 'collector:4318', share: 1 }, silentLog)).toThrow('not valid')
})

test(
  'a request is told of in the trace of its client',
  async () => {
    const { got, url } = await collector(200)
    const tracer = new Tracer({ url, share: 0, flushMs: 1e6 }, silentLog)
    const folder = modelFolder({ 'm/1/model.onnx': 'g (float[N,2] x) => (float[N,2] y) { y = Relu(x) }' })
    const server = await serve(folder, { tracer, settings: withPlan({ maxBatch: 1 }) })
    const answer = await fetch(`http://${server.http}/v2/models/m/infer`, {
      method: 'POST',
      headers: { traceparent: PARENT },
      body: JSON.stringify({
        id: '7',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [3, 2], data: [1, 2, 3, 4, 5, 6] }],
      }),
    })
    expect(answer.status).toBe(200)
    await server.close()
    const [span] = got[0]!.spans
    expect([span!.traceId, span!.parentSpanId]).toEqual([TRACE, 'b7ad6b7169203331'])
    const told = Object.fromEntries(span!.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
    expect(told).toMatchObject({ 'whetstone.version': '1', 'whetstone.request_id': '7', 'whetstone.rows': 3 })
    expect(told['whetstone.run_ms']).toBeGreaterThan(0)
  },
  LONG,
)
