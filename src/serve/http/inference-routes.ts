import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { bytesIn, inOne } from '../../engine/index.ts'
import { giveBack } from '../../platform/index.ts'
import type { InferenceCore } from '../core.ts'
import { configOf, metadataOf, SERVER, statisticsOf } from '../protocol/describe.ts'
import { writeAnswer } from '../protocol/infer-answer.ts'
import type { InferRequest } from '../protocol/infer-request.ts'
import { LARGE_TEXT_BYTES, type LargeJson } from '../protocol/large-json.ts'
import { rawRequest, readLargeRequest, readRequest } from '../protocol/read-request.ts'
import { invalid, ServeError, toServeError } from '../serve-error.ts'
import { encodeBody } from './body.ts'
import type { Exchange, Route } from './http-face.ts'

/** What the routes must know of the server as a whole. */
export interface ServerState {
  /** False while it starts and while it drains. */
  readonly ready: boolean
}

/** From here on, a copy costs more than a stream. */
const LARGE_BYTES = 1 << 18
const HEADER_LENGTH = 'inference-header-content-length'

/** The Open Inference Protocol over HTTP: health, metadata, inference, configuration, statistics. */
export function inferenceRoutes(core: InferenceCore, state: ServerState, json: LargeJson): readonly Route[] {
  const { registry } = core
  const versionOf = ({ params }: Exchange) => registry.version(params.model!, params.version ?? '')
  const health: readonly Route[] = [
    get('/v2/health/live', null, () => ({ live: true })),
    get('/v2/health/ready', null, ({ reply }) => {
      const ready = state.ready && registry.ready
      if (!ready) reply.code(503)
      return { ready }
    }),
  ]
  const server: readonly Route[] = [
    get('/v2', 'read', () => SERVER),
    get('/v2/models/stats', 'read', () => ({ model_stats: registry.versions.map(statisticsOf) })),
  ]
  const models = ['/v2/models/:model', '/v2/models/:model/versions/:version'].flatMap((path): readonly Route[] => [
    get(path, 'read', (exchange) => {
      const version = versionOf(exchange)
      return metadataOf(version, [...registry.model(version.name).warm.keys()])
    }),
    get(`${path}/ready`, 'read', (exchange) => {
      const version = versionOf(exchange)
      if (!version.ready) exchange.reply.code(503)
      return { name: version.name, ready: version.ready }
    }),
    get(`${path}/config`, 'read', (exchange) => configOf(versionOf(exchange))),
    get(`${path}/stats`, 'read', (exchange) => ({ model_stats: [statisticsOf(versionOf(exchange))] })),
    { method: 'POST', path: `${path}/infer`, scope: 'infer', handle: (exchange) => infer(core, json, exchange) },
  ])
  return [...health, ...server, ...models, ...absentRoutes]
}

const get = (path: string, scope: Route['scope'], handle: Route['handle']): Route => ({
  method: 'GET',
  path,
  scope,
  handle,
})

async function infer(core: InferenceCore, json: LargeJson, exchange: Exchange): Promise<unknown> {
  const { request, reply, params, caller, departure, holding } = exchange
  const model = params.model!
  const start = performance.now()
  // Nobody sends a large body for a model that is not there.
  const { statistics } = core.registry.version(model, params.version ?? '')
  const headerLength = headerLengthOf(request.headers[HEADER_LENGTH])
  const body = await exchange.pieces().catch((error: unknown) => {
    statistics.failed(toServeError(error, model).code, performance.now() - start)
    throw error
  })
  const bodyBytes = bytesIn(body)
  const textBytes = headerLength ?? bodyBytes
  /** Tensors that JSON is made into are held beside the body, those behind it lie in it. */
  const held = (read: InferRequest) => {
    holding.take(read.inputs.reduce((sum, tensor) => sum + bytesIn(tensor.pieces), textBytes - bodyBytes))
    return read
  }
  const read = () =>
    textBytes < LARGE_TEXT_BYTES
      ? held(readRequest(body, headerLength))
      : readLargeRequest(body, headerLength, (text) => json.readHead(text, departure)).then(held)
  const result = await core.infer({
    model,
    version: params.version ?? '',
    caller,
    departure,
    traceparent: request.headers.traceparent as string | undefined,
    read: ({ inputs }) => (headerLength === 0 ? rawRequest(body, inputs, model) : read()),
  })
  if (result.inputsFree) giveBack(body)
  // All of it is with the system then. Where the client goes before, the memory is left to the collector.
  reply.raw.once('finish', result.release)
  const answer = await writeAnswer(result.request, result.answer, json)
  const accepted = request.headers['accept-encoding']
  const size = bytesIn(answer.pieces)
  // Until the client has taken it.
  holding.take(size)
  // A large answer goes out piece by piece, uncopied, unless it is to be compressed.
  const { body: encoded, encoding } =
    accepted || size < LARGE_BYTES ? await encodeBody(inOne(answer.pieces), accepted) : { body: null, encoding: null }
  if (encoding) reply.header('content-encoding', encoding)
  if (answer.headerLength !== null) reply.header('Inference-Header-Content-Length', String(answer.headerLength))
  reply.header('x-request-id', headerText(result.requestId))
  reply.header('content-type', answer.headerLength === null ? 'application/json' : 'application/octet-stream')
  if (encoded) return reply.send(encoded)
  reply.header('content-length', String(size))
  sendPieces(reply, answer.pieces)
  return reply
}

/** Head and pieces go to the system in one call where it takes them. */
function sendPieces(reply: FastifyReply, pieces: readonly Uint8Array[]): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders)
  raw.cork()
  for (const piece of pieces) raw.write(piece)
  raw.end()
  raw.uncork()
}

function headerLengthOf(value: string | string[] | undefined): number | null {
  if (value === undefined) return null
  const length = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(length))
    throw invalid('Unable to parse Inference-Header-Content-Length: expected a whole number from 0')
  return length
}

/** What HTTP does not allow in a header is left out of the echo; the body has the id as it came. */
const headerText = (id: string) => id.replace(/[^\x20-\x7e]/g, '')

/** Extensions of other servers that clients may try. */
const absentRoutes: readonly Route[] = (
  [
    ['GET', '/v2/trace/setting', 'tracing settings'],
    ['POST', '/v2/trace/setting', 'tracing settings'],
    ['GET', '/v2/logging', 'logging settings'],
    ['POST', '/v2/logging', 'logging settings'],
    ['GET', '/v2/systemsharedmemory/status', 'system shared memory'],
    ['GET', '/v2/cudasharedmemory/status', 'CUDA shared memory'],
    ['POST', '/v2/models/:model/generate', 'generation'],
    ['POST', '/v2/models/:model/generate_stream', 'generation'],
  ] as const
).map(([method, path, what]) => ({
  method,
  path,
  scope: 'read',
  handle: () => {
    throw new ServeError('unsupported', `${what} is not supported by this server`)
  },
}))
