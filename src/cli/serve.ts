import { existsSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { openDataset } from '../data/index.ts'
import { readModel } from '../onnx/index.ts'
import { didYouMean, UserError, writeAtomic } from '../platform/index.ts'
import {
  DEFAULT_LIMITS,
  DEFAULT_SETTINGS,
  DRAIN_MS,
  fileSource,
  folderSource,
  jsonLog,
  type Log,
  type ModelSource,
  makeKey,
  readKeys,
  readPaddingRules,
  SCOPES,
  type Scope,
  startServer,
  storeSource,
  Tracer,
  type VersionSettings,
} from '../serve/index.ts'
import { isReference, openStore, parseReference, type Store } from '../store/index.ts'
import { SHAPE, shapesOf, textAt } from './inputs.ts'
import { rehearseOn } from './rehearse.ts'
import { openRollouts, stateHome } from './serve-rollouts.ts'
import { type Arguments, LONGEST_TIMER_MS, type Outcome, type Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

const PORT = { type: 'string', value: 'PORT' } as const

export const serveVerb: Verb = {
  name: 'serve',
  usage: 'serve SOURCE [--http 8000] [--grpc 8001] [--admin 8002] [--instances auto]',
  summary: 'Serves models by the Open Inference Protocol over HTTP and gRPC, each version in a process of its own.',
  examples: [
    'whet serve model.onnx',
    'whet serve models/ --samples eval.npz --cache 64',
    'whet serve --make-key ci --scope infer --keys keys.json',
  ],
  positionals: { min: 0, max: 1, names: 'one store, folder or model' },
  options: {
    http: { ...PORT, help: 'port of HTTP (8000); 0 takes a free one, "off" leaves it out' },
    grpc: { ...PORT, help: 'port of gRPC (8001)' },
    admin: { ...PORT, help: 'port of the admin face (8002)' },
    host: { type: 'string', value: 'ADDRESS', help: 'address for clients (127.0.0.1; 0.0.0.0 for every network)' },
    'admin-host': { type: 'string', value: 'ADDRESS', help: 'address of the admin face (127.0.0.1)' },
    instances: { type: 'string', value: 'auto|N', help: 'sessions of a model that run side by side (auto: measured)' },
    threads: { type: 'string', value: 'N', help: 'threads of each session (measured with --instances auto, else 1)' },
    'max-batch': {
      type: 'string',
      value: 'N',
      help: 'rows of different requests that may share a run (measured); 1: none',
    },
    'max-delay': { type: 'string', value: 'MS', help: 'how long a request may wait for others (0)' },
    'preferred-batch': {
      type: 'string',
      value: 'N',
      multiple: true,
      help: 'size at which a waiting batch goes at once',
    },
    padding: {
      type: 'string',
      value: 'FILE',
      help: 'how requests of different lengths are padded to share a run, by model (JSON; see docs/serve.md)',
    },
    'max-queue': {
      type: 'string',
      value: 'N',
      help: 'requests that may wait for a version (1024); more are answered 429',
    },
    timeout: { type: 'string', value: 'MS', help: 'how long a request may take (60000)' },
    store: { type: 'string', value: 'DIR', help: 'the store that SOURCE names a model of' },
    samples: { type: 'string', value: 'D', help: 'rows to warm up and measure with; random inputs unless said' },
    shape: SHAPE,
    cache: {
      type: 'string',
      value: 'SIZE',
      help: 'memory for answers to equal requests: 64MiB; a number alone is MiB (none)',
    },
    'max-body': { type: 'string', value: 'SIZE', help: 'largest request body, also when decompressed (256MiB)' },
    'max-models': {
      type: 'string',
      value: 'SIZE',
      help: 'memory of all models: a load that leaves them with more is taken back',
    },
    'max-bodies': {
      type: 'string',
      value: 'SIZE',
      help: 'memory that requests may hold together: bodies, answers that nobody has taken (1GiB)',
    },
    keys: { type: 'string', value: 'FILE', help: 'API keys; with it, every request needs one' },
    'make-key': {
      type: 'string',
      value: 'NAME',
      help: 'make a key, put its hash into --keys FILE, print it once, and end',
    },
    scope: {
      type: 'string',
      value: 'SCOPE',
      multiple: true,
      help: `what the new key may do: ${SCOPES.join(', ')} (infer)`,
      with: 'make-key',
    },
    audit: {
      type: 'string',
      value: 'FILE',
      help: 'log of every act on models (in the state folder); "off" keeps none',
    },
    state: {
      type: 'string',
      value: 'DIR',
      help: 'folder that keeps rollouts and incidents (one per port, in your state folder)',
    },
    database: {
      type: 'string',
      value: 'URL',
      help: 'a PostgreSQL server that keeps them instead, for several servers',
    },
    watch: {
      type: 'boolean',
      help: 'watch whether requests and answers still look as they did (keeps a few numbers of each)',
    },
    webhook: {
      type: 'string',
      value: 'URL',
      multiple: true,
      help: 'tell this address when a rollout ends or drift begins; signed with WHETSTONE_WEBHOOK_SECRET',
    },
    traces: {
      type: 'string',
      value: 'URL',
      help: 'OpenTelemetry collector to send request spans to (OTLP over HTTP, with its path)',
    },
    'trace-share': {
      type: 'string',
      value: 'P',
      help: 'share of the requests outside a trace to send as well (1)',
      with: 'traces',
    },
    drain: { type: 'string', value: 'MS', help: `how long requests may take to finish after SIGTERM (${DRAIN_MS})` },
  },
  // Its own --drain bounds it.
  graceMs: LONGEST_TIMER_MS,
  async run([path], options, context) {
    if (options.has('make-key')) return newKey(options)
    if (path === undefined)
      throw wrongCall(
        'there is nothing to serve',
        'name a store, a folder of models or an .onnx file: whet serve model.onnx',
      )
    const begun = performance.now()
    const write = (line: string) => process.stderr.write(`${line}\n`)
    const log = jsonLog(write)
    const keysPath = options.text('keys')
    const httpPort = port(options, 'http', 8000)
    const grpcPort = port(options, 'grpc', 8001)
    if (httpPort === null && grpcPort === null)
      throw wrongCall('with --http off and --grpc off nobody can ask', 'leave one of them on')
    const samples = await samplesOf(options)
    const { source, store } = await sourceOf(path, options.text('store'))
    const extension = await openRollouts(options, source, store, httpPort, log)
    const server = await startServer({
      source: extension.source,
      extension,
      host: options.text('host') ?? '127.0.0.1',
      adminHost: options.text('admin-host') ?? '127.0.0.1',
      httpPort,
      grpcPort,
      adminPort: port(options, 'admin', 8002),
      settings: settingsOf(options),
      practise: true,
      limits: limitsOf(options),
      keys: keysPath === undefined ? null : readKeys(keysPath),
      cacheBytes: options.givenSize('cache', { plain: MIB }) ?? 0,
      auditPath: auditPath(options, httpPort),
      rehearse: rehearseOn(samples, shapesOf(options), log),
      tracer: tracerOf(options, log),
      drainMs: options.number('drain', DRAIN_MS, 0, LONGEST_TIMER_MS),
      signal: context.signal,
      log,
    })
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve()
      else context.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    log.info('stopping: requests under way are answered first')
    await server.close()
    log.info('stopped')
    const { http, grpc, admin } = server
    const seconds = (performance.now() - begun) / 1000
    return { report: { kind: 'served', version: 1, source: path, addresses: { http, grpc, admin }, seconds } }
  },
}

/** What `--samples` names: rows, whatever model they fit. What is no data fits none, and is said before any is served. */
async function samplesOf(options: Arguments): Promise<string | undefined> {
  const path = options.text('samples')
  if (path !== undefined) await openDataset(path)
  return path
}

interface Source {
  readonly source: ModelSource
  /** Where its versions are kept, with all that is known of them. */
  readonly store: Store | null
}

/** A file, a folder of models, a store, or with `--store` (or where nothing else is there) a name in a store. */
async function sourceOf(path: string, location: string | undefined): Promise<Source> {
  const info = location === undefined ? statSync(path, { throwIfNoEntry: false }) : undefined
  if (info?.isFile()) {
    // One file is all there is to serve: what is wrong with it is said now, not in the log of a server without models.
    await readModel(path)
    return { source: fileSource(path), store: null }
  }
  const inStore = (location: string | undefined, only: string | null) => ({
    source: storeSource(location, only),
    store: openStore(location),
  })
  if (info?.isDirectory())
    return (await openStore(path).names()).length > 0
      ? inStore(path, null)
      : { source: folderSource(path), store: null }
  if (location === undefined && /^(https?|oci):/.test(path)) return inStore(path, null)
  const place = openStore(location)
  const missing = (kinds: string, meant = '') =>
    new UserError('missing-file', `there is no ${path}, as ${kinds}`, {
      where: path,
      hint: `${meant}name an .onnx file, a folder of models, a store, or a name with --store DIR`,
    })
  // A path that cannot be a name, as `models/` or `Digits.onnx`, was meant for a file.
  if (location === undefined && !isReference(path)) throw missing('a file or a folder')
  const { name } = parseReference(path)
  if (!(await place.list(name).catch(() => [])).length) {
    const known = await place.names().catch(() => [])
    throw missing(`a file, a folder or a name in ${place.location}`, didYouMean(name, known))
  }
  return inStore(location, path)
}

/** What a number without a unit counts in the sizes of a server. */
const MIB = 2 ** 20

function limitsOf(options: Arguments): typeof DEFAULT_LIMITS {
  const size = (name: string) => options.givenSize(name, { min: 1024, max: 64 * 2 ** 30, plain: MIB })
  const { maxBodyBytes, maxBodiesBytes } = DEFAULT_LIMITS
  return {
    ...DEFAULT_LIMITS,
    maxBodyBytes: size('max-body') ?? maxBodyBytes,
    maxBodiesBytes: size('max-bodies') ?? maxBodiesBytes,
  }
}

function tracerOf(options: Arguments, log: Log): Tracer | null {
  const url = options.text('traces')
  if (url === undefined) return null
  const headers = process.env.OTEL_EXPORTER_OTLP_HEADERS
  return new Tracer({ url, share: options.number('trace-share', 1, 0, 1), headers }, log)
}

function settingsOf(options: Arguments): VersionSettings {
  const auto = (name: string) => (options.text(name) ?? 'auto') === 'auto'
  const { batch } = DEFAULT_SETTINGS
  const padding = options.text('padding')
  const maxModelsBytes = options.givenSize('max-models', { min: MIB, plain: MIB })
  return {
    ...(maxModelsBytes === undefined ? {} : { maxModelsBytes }),
    capacity: Math.max(availableParallelism(), auto('instances') ? 1 : options.integer('instances', 1, 1, 256)),
    plan: {
      instances: auto('instances') ? null : options.integer('instances', 1, 1, 256),
      threads: auto('threads') ? null : options.integer('threads', 1, 1, 256),
      maxBatch: auto('max-batch') ? null : options.integer('max-batch', 1, 1, 65_536),
    },
    ...(padding === undefined ? {} : { padding: readPaddingRules(textAt(padding), padding) }),
    batch: {
      ...batch,
      maxDelayMs: options.number('max-delay', batch.maxDelayMs, 0, 60_000),
      preferred: options.integers('preferred-batch', 8, 1, 65_536),
      maxQueue: options.integer('max-queue', batch.maxQueue, 1),
      timeoutMs: options.number('timeout', batch.timeoutMs, 0, LONGEST_TIMER_MS),
    },
  }
}

function port(options: Arguments, name: string, fallback: number): number | null {
  return options.text(name) === 'off' ? null : options.integer(name, fallback, 0, 65_535)
}

/** One file a port, so that two servers never write to one chain. */
function auditPath(options: Arguments, httpPort: number | null): string | null {
  const given = options.text('audit')
  if (given !== undefined) return given === 'off' ? null : given
  return httpPort === 0 ? null : join(stateHome(), `audit-${httpPort ?? 'none'}.jsonl`)
}

async function newKey(options: Arguments): Promise<Outcome> {
  const file = options.required('keys', 'say which file of keys it goes into: --keys keys.json')
  const name = options.required('make-key', 'name the key')
  const scopes = options.list('scope')
  const unknown = scopes.find((scope) => !SCOPES.includes(scope as Scope))
  if (unknown !== undefined) throw wrongCall(`--scope ${unknown}: no such scope`, `scopes are ${SCOPES.join(', ')}`)
  const known = existsSync(file) ? readKeys(file) : []
  if (known.some((key) => key.name === name))
    throw new UserError('bad-argument', `there is a key named "${name}" already`, {
      where: file,
      hint: 'choose another name, or take the entry out of the file first',
    })
  const chosen = scopes.length > 0 ? (scopes as Scope[]) : ['infer' as const]
  const { key, entry } = makeKey(name, chosen)
  const rest = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {}
  await writeAtomic(file, `${JSON.stringify({ ...rest, keys: [...known, entry] }, null, 1)}\n`)
  return { report: { kind: 'api-key', version: 1, name, scopes: chosen, file, key } }
}
