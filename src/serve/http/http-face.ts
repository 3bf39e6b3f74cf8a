import { once } from 'node:events'
import { Server as SocketServer } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { inOne } from '../../engine/index.ts'
import type { BodyBudget, Holding } from '../body-budget.ts'
import { Departure } from '../departure.ts'
import type { Log } from '../log.ts'
import { type Access, type Knock, keyOf } from '../security/access.ts'
import type { Scope } from '../security/keys.ts'
import { ServeError, STATUS, toServeError } from '../serve-error.ts'
import { decodeBody, readBody } from './body.ts'
import { PartingAnswers } from './parting-answers.ts'

/** What clients may ask of a server before it refuses; sizes in bytes. */
export interface HttpLimits {
  /** Of a body, as sent and as decompressed. */
  readonly maxBodyBytes: number
  /** What the requests under way may hold together, of bodies and answers. */
  readonly maxBodiesBytes: number
  /** How long a client may take nothing of its answer, in milliseconds: then its connection is cut. */
  readonly stalledMs: number
  readonly maxConnections: number
}

/** A request and all that its answer needs. */
export interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Parts of the path, by name. */
  readonly params: Readonly<Record<string, string>>
  readonly caller: ReturnType<Access['admit']>
  /** All of the body, decompressed. */
  body(): Promise<Buffer>
  /** The same in pieces that follow one another, as they came. */
  pieces(): Promise<readonly Buffer[]>
  /** Left when the client goes. */
  readonly departure: Departure
  /** What the request holds of the memory of all, until its answer is taken. */
  readonly holding: Holding
}

/** What a face answers, at one path and for whom. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** null: for everybody. */
  readonly scope: Scope | null
  /** JSON Schema of the object that a request may bring; by default, it brings none. */
  readonly takes?: object
  handle(exchange: Exchange): Promise<unknown> | unknown
  /** Told where somebody was not let in. */
  refused?(params: Exchange['params'], knock: Knock, error: ServeError): void
}

export interface HttpFace {
  readonly app: FastifyInstance
  /** Ends when its requests are answered, or at once after `ms`. */
  close(ms: number): Promise<void>
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const
/** Paths, queries and headers together. */
const HEADER_BYTES = 16 << 10
const HEADERS_MS = 20_000
/**
 * What is held of a body before somebody reads it. A socket hands over 64 KiB at once; with less room, the first of them
 * stops every large body for a turn.
 */
const HELD_BYTES = 1 << 17
const REQUEST_MS = 300_000
const KEEP_ALIVE_MS = 65_000
/** How long an ending server takes requests on connections that are open: the next one of a client may be on its way. */
const LINGER_MS = 1000

/**
 * A server of HTTP with these routes: who may come in, how much they may send, and how errors look are decided here
 * once. Errors are `{"error": …}` with the status of their kind.
 */
export function httpFace(
  routes: readonly Route[],
  access: Access,
  limits: HttpLimits,
  budget: BodyBudget,
  log: Log,
): HttpFace {
  const app = fastify({
    logger: false,
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_MS, noDelay: true, highWaterMark: HELD_BYTES },
    routerOptions: {
      maxParamLength: 512,
      ignoreTrailingSlash: true,
      querystringParser: () => ({}),
    },
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      void reply
        .code(400)
        .send({ error: error.code === 'FST_ERR_BAD_URL' ? 'the address is not valid' : 'bad request' })
    },
  })
  app.server.maxConnections = limits.maxConnections
  // Clients send no Content-Type, or any: bodies are read here, with limits of our own. (An object that a property is
  // deleted from is slow ever after.)
  app.addHook('onRequest', (request, _reply, done) => {
    request.raw.headers['content-type'] = undefined
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  const answering = new PartingAnswers(app.server)
  routeAll(app, routes, (route) => handlerOf(route, answering, access, limits, budget))
  tellErrors(app, log)
  return { app, close: (ms) => closeAnswered(app, answering, ms) }
}

async function closeAnswered(app: FastifyInstance, answering: PartingAnswers, ms: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), ms)
  answering.part()
  // Nobody new comes in. A server of HTTP would also close what is idle, and whatever is on its way there would be lost.
  SocketServer.prototype.close.call(app.server)
  const lingered = new AbortController()
  const options = { signal: lingered.signal }
  await Promise.race([once(app.server, 'close', options), after(Math.min(LINGER_MS, ms), undefined, options)])
  lingered.abort()
  await app.close()
  clearTimeout(timer)
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

function handlerOf(
  route: Route,
  answering: PartingAnswers,
  access: Access,
  limits: HttpLimits,
  budget: BodyBudget,
): Handler {
  return async (request, reply) => {
    const params = request.params as Readonly<Record<string, string>>
    const knock = knockOf(request)
    const caller = admit(access, route, params, knock)
    const departure = new Departure()
    const holding = budget.open()
    answering.begun(reply.raw)
    reply.raw.once('close', () => {
      if (!reply.raw.writableEnded) departure.leave()
      holding.close()
      answering.ended(reply.raw)
    })
    const pieces = async () => {
      const { headers } = request
      const said = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
      const sent = await readBody(request.raw, said, limits.maxBodyBytes, holding)
      return decodeBody(sent, headers['content-encoding'], limits.maxBodyBytes, holding)
    }
    const body = async () => inOne(await pieces())
    const answer = await route.handle({ request, reply, params, caller, body, pieces, departure, holding })
    // Until the answer is with the system; then Node counts the time to the next request instead.
    request.raw.socket.setTimeout(limits.stalledMs)
    return answer
  }
}

/** Every route, and on its path an error for each method that none takes. */
function routeAll(app: FastifyInstance, routes: readonly Route[], handler: (route: Route) => Handler): void {
  const paths = new Map<string, Set<string>>()
  for (const route of routes) {
    app.route({ method: route.method, url: route.path, handler: handler(route) })
    const known = paths.get(route.path) ?? new Set()
    paths.set(route.path, known.add(route.method).add(route.method === 'GET' ? 'HEAD' : route.method))
  }
  for (const [url, known] of paths)
    app.route({
      method: METHODS.filter((method) => !known.has(method)),
      url,
      handler: async (_request, reply) => {
        reply.header('allow', [...known].join(', '))
        throw new ServeError('wrong-method', 'Method Not Allowed')
      },
    })
}

/** How errors look to clients, and which of them the log gets. */
function tellErrors(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler(async () => {
    throw new ServeError('not-found', 'Not Found')
  })
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const told = ourError(error)
    const [status] = STATUS[told.code]
    if (told.code === 'internal')
      log.error('request failed', {
        path: request.url.slice(0, 200),
        error: (told.cause as Error)?.stack ?? told.message,
      })
    if (told.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer')
    if (told.retryAfter !== undefined) reply.header('retry-after', String(told.retryAfter))
    // What was not read of the body would be taken for the next request.
    if (told.code === 'too-large') reply.header('connection', 'close')
    void reply
      .code(status)
      .header('content-type', 'application/json')
      .send(JSON.stringify({ error: told.message }))
  })
}

function admit(access: Access, route: Route, params: Exchange['params'], knock: Knock): Exchange['caller'] {
  if (route.scope === null) return { tenant: '', name: knock.address }
  try {
    return access.admit(knock, route.scope, params.model)
  } catch (error) {
    route.refused?.(params, knock, error as ServeError)
    throw error
  }
}

/** Errors of the framework speak of the request alone; all others are ours. */
function ourError(error: Error & { statusCode?: number }): ServeError {
  if (!(error instanceof ServeError) && error.statusCode !== undefined && error.statusCode < 500)
    return new ServeError(error.statusCode === 413 ? 'too-large' : 'invalid', 'bad request')
  return toServeError(error, '')
}

function knockOf({ headers, socket }: FastifyRequest): Knock {
  const apiKey = headers['x-api-key']
  return {
    key: keyOf(headers.authorization, Array.isArray(apiKey) ? apiKey[0] : apiKey),
    address: socket.remoteAddress ?? '',
    host: headers.host,
    origin: headers.origin,
    forwarded: headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined || headers.via !== undefined,
  }
}
