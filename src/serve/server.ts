import { isLoopback, UserError } from '../platform/index.ts'
import { BodyBudget } from './body-budget.ts'
import { InferenceCore } from './core.ts'
import { Faces } from './faces.ts'
import { grpcFace } from './grpc/grpc-face.ts'
import { type HttpLimits, httpFace, type Route } from './http/http-face.ts'
import { inferenceRoutes, type ServerState } from './http/inference-routes.ts'
import { openApi } from './http/openapi.ts'
import { repositoryRoutes } from './http/repository-routes.ts'
import { type Log, silentLog } from './log.ts'
import { METRICS_TYPE, metricsText } from './metrics.ts'
import { AnswerCache } from './model/answer-cache.ts'
import type { Rehearse, VersionSettings } from './model/served-version.ts'
import { type Practice, practise } from './practice.ts'
import { LargeJson } from './protocol/large-json.ts'
import { RepositoryActs } from './repository/acts.ts'
import { ModelRegistry } from './repository/registry.ts'
import type { ModelSource } from './repository/source.ts'
import { liveRouter, type Router } from './router.ts'
import { Access } from './security/access.ts'
import { AuditLog } from './security/audit-log.ts'
import { KeyRing, type StoredKey } from './security/keys.ts'
import type { Tracer } from './tracing.ts'

export interface ServeOptions {
  readonly source: ModelSource
  /** Address of the faces for clients; 127.0.0.1 by default. */
  readonly host?: string
  /** Address of the admin face; 127.0.0.1 by default, and others only with keys. */
  readonly adminHost?: string
  /** Ports; 0 takes a free one, null leaves the face out. */
  readonly httpPort?: number | null
  readonly grpcPort?: number | null
  readonly adminPort?: number | null
  readonly settings?: VersionSettings
  readonly limits?: HttpLimits
  readonly keys?: readonly StoredKey[] | null
  /** Bytes of kept answers; 0 keeps none. */
  readonly cacheBytes?: number
  /** File of the audit log; null keeps none. */
  readonly auditPath?: string | null
  /** How models are tried before they serve; without it, requests never share a run. */
  readonly rehearse?: Rehearse | null
  readonly router?: Router
  readonly tracer?: Tracer | null
  readonly log?: Log
  /** Milliseconds that requests may take to finish when the server stops. */
  readonly drainMs?: number
  readonly extension?: ServeExtension | null
  /** Tells a server that starts to stop: it loads nothing more, and is there to be closed. */
  readonly signal?: AbortSignal
  /** Ask itself when it is ready, so that its code is compiled before many others do; false by default. */
  readonly practise?: boolean
}

/** What else a server does beside answering. */
export interface ServeExtension {
  readonly router: Router
  /** Called before the first request comes: the routes for every face of HTTP, and for the admin face alone. */
  open(
    core: InferenceCore,
    acts: RepositoryActs,
  ): { readonly shared: readonly Route[]; readonly admin: readonly Route[] }
  /** Called when the models are loaded, before the server says that it is ready. */
  loaded(): Promise<void>
  /** In the text format of Prometheus. */
  metrics(): string
  /** Called when no request comes any more. */
  close(): Promise<void>
}

/** How long requests may take to finish once the server is told to stop. */
export const DRAIN_MS = 30_000

export const DEFAULT_LIMITS: HttpLimits = {
  maxBodyBytes: 256 << 20,
  maxBodiesBytes: 1 << 30,
  stalledMs: 60_000,
  maxConnections: 10_000,
}

export const DEFAULT_SETTINGS: VersionSettings = {
  plan: { instances: null, threads: null, maxBatch: null },
  capacity: 1,
  batch: {
    maxDelayMs: 0,
    preferred: [],
    maxQueue: 1024,
    maxQueueBytes: 512 << 20,
    timeoutMs: 60_000,
    runLimitMs: 300_000,
    ahead: true,
  },
}

/** A server that has opened its faces, each named by its address. */
export interface Server {
  readonly core: InferenceCore
  /** `127.0.0.1:8000`; null where the face is left out. */
  readonly http: string | null
  readonly grpc: string | null
  readonly admin: string | null
  /** Stops taking connections, finishes what is under way, ends the model processes. */
  close(): Promise<void>
}

/**
 * Starts a server: the faces answer at once (health says `ready` when every model is loaded), then models are loaded. A
 * source without models is served all the same, with a warning: models may be put there and loaded later. Where `signal`
 * ends the loading, the server is never ready.
 *
 * @throws UserError for ports that are taken, an admin face beyond this machine without keys, a source that cannot be read.
 */
export async function startServer(options: ServeOptions): Promise<Server> {
  const {
    host = '127.0.0.1',
    adminHost = '127.0.0.1',
    log = silentLog,
    keys = null,
    drainMs = DRAIN_MS,
    extension = null,
    tracer = null,
    limits = DEFAULT_LIMITS,
    settings = DEFAULT_SETTINGS,
    grpcPort = 0,
  } = options
  if (options.adminPort !== null && !isLoopback(adminHost) && keys === null)
    throw new UserError('bad-argument', `the admin face must not be reachable at ${adminHost} without keys`, {
      where: '--admin-host',
      hint: 'give a file of keys with --keys, or leave the admin face on 127.0.0.1',
    })
  const registry = new ModelRegistry(options.source, settings, options.rehearse ?? null, log)
  const cache = options.cacheBytes ? new AnswerCache(options.cacheBytes) : null
  const core = new InferenceCore(registry, extension?.router ?? options.router ?? liveRouter, cache, tracer)
  const audit = options.auditPath ? new AuditLog(options.auditPath) : null
  const acts = new RepositoryActs(registry, audit)
  const state = { ready: false }
  const json = new LargeJson()
  const budget = new BodyBudget(limits.maxBodiesBytes)
  const ring = keys ? new KeyRing(keys) : null
  const access = new Access(ring, isLoopback(host))
  const more = extension?.open(core, acts) ?? { shared: [], admin: [] }
  const metrics = metricsRoute(
    () => metricsText(registry, cache, budget) + (extension?.metrics() ?? '') + (tracer?.metrics() ?? ''),
  )
  const shared = [...inferenceRoutes(core, state, json), ...repositoryRoutes(acts), metrics, ...more.shared]
  const faces = new Faces()
  const open = async (routes: readonly Route[], at: string, port: number | null = 0, who: Access) =>
    port === null ? null : faces.listen(httpFace([...routes, openApiRoute(routes)], who, limits, budget, log), at, port)
  let practice: Practice | null = null
  const close = async () => {
    state.ready = false
    const end = performance.now() + drainMs
    const stopped = Promise.all([practice?.stop(), registry.stopLoading()])
    await Promise.all([faces.close(drainMs), stopped])
    await json.close()
    await registry.close(Math.max(0, end - performance.now()))
    await extension?.close()
    await tracer?.close()
    audit?.close()
  }
  try {
    const http = await open(shared, host, options.httpPort, access)
    const grpc =
      grpcPort === null
        ? null
        : await faces.bind(grpcFace(core, acts, state, access, limits, budget, log), host, grpcPort)
    const adminAccess = new Access(ring, isLoopback(adminHost))
    const admin = await open([...shared, ...more.admin], adminHost, options.adminPort, adminAccess)
    log.info('listening', { http, grpc, admin, source: options.source.description })
    const server = { core, http, grpc, admin, close }
    if (!(await allLoaded(registry, options, log))) return server
    state.ready = true
    sayWhetherReady(registry, options.source, log)
    if (options.practise) practice = practise(limits, settings)
    return server
  } catch (error) {
    await close()
    throw error
  }
}

/** Loads what the source has; false where `signal` ended that. */
async function allLoaded(registry: ModelRegistry, { source, extension, signal }: ServeOptions, log: Log) {
  const stop = () => void registry.stopLoading()
  signal?.addEventListener('abort', stop, { once: true })
  if (!signal?.aborted) await registry.loadAll()
  if (signal?.aborted) return false
  for (const { file, hint } of (await source.passedOver?.()) ?? []) log.warn('a file is not served', { file, hint })
  await extension?.loaded()
  signal?.removeEventListener('abort', stop)
  return !signal?.aborted
}

function sayWhetherReady(registry: ModelRegistry, { description: source }: ModelSource, log: Log): void {
  const loaded = [...registry.models].filter(({ live }) => live)
  if (!registry.ready)
    log.error('not ready: none of the models could be loaded', {
      source,
      hint: 'the lines above say why; put a model there that loads, and load it: POST /v2/repository/models/NAME/load',
    })
  else log.info('ready', { models: loaded.map(({ name }) => name) })
  if (registry.ready && loaded.length === 0)
    log.warn('there is no model that answers', {
      source,
      hint: 'put a model there and load it: POST /v2/repository/models/NAME/load',
    })
}

const metricsRoute = (text: () => string): Route => ({
  method: 'GET',
  path: '/metrics',
  scope: 'read',
  handle({ reply }) {
    reply.header('content-type', METRICS_TYPE)
    return text()
  },
})

const openApiRoute = (routes: readonly Route[]): Route => ({
  method: 'GET',
  path: '/openapi.json',
  scope: null,
  handle: () => openApi(routes),
})

export type { ServerState }
