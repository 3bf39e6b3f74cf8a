// The child process that holds runtime sessions, mostly one; started by ort-node-process.ts.

import { FIRST_OF_STDIO, giveBack, readFileBytes } from '../platform/index.ts'
import { type LoadClock, serveArrivals } from './arrivals.ts'
import type { RuntimeKind, Stall } from './isolation.ts'
import type { InsideOf } from './ort-inner-session.ts'
import type { LendingSession, NativeSession, OrtRuntime } from './ort-native.ts'
import { failureOf } from './ort-node-failure.ts'
import { countAllocations, peakMemory, startWatching } from './ort-node-memory.ts'
import { type Parcel, pack, unpack } from './ort-node-parcels.ts'
import type { Answer, Request } from './ort-node-protocol.ts'
import { SharedPages } from './ort-node-shared-pages.ts'
import { nativeOptions, type OrtSessionOptions } from './ort-options.ts'
import { type OrtSession, sessionOver } from './ort-session.ts'
import type { Feeds, Fetched } from './session.ts'

/** A model that is open, and what is known of its runs. */
interface OpenModel {
  readonly session: OrtSession
  readonly stall: Stall | undefined
  /** Whether a run is the work of one thread, so that it takes as long as its processor time. */
  readonly oneThread: boolean
  firstMs: number | null
  /** Feeds that were made ready for runs that are timed. */
  prepared: unknown
  /** Runs that were timed. */
  calls: number
}

/** By the number that the other side calls it. */
const models = new Map<number, OpenModel>()

type Handlers = {
  [O in Request['op']]: (request: Extract<Request, { op: O }>, model: number) => Promise<Answer[O]>
}

const handlers: Handlers = {
  async warm() {
    await runtimes.node()
    return null
  },
  async open({ runtime: kind, path, where, ports, options, optimized, stall }, model) {
    const runtime = await runtimes[kind]()
    const before = startWatching()
    const start = performance.now()
    const native = await runtime.openFile(path, options, where, optimized)
    const loadMs = performance.now() - start
    before.loaded()
    const inside: InsideOf = async (open, name) => {
      const [{ InnerSession }, { readModel }] = await Promise.all([
        import('./ort-inner-session.ts'),
        import('./model-files.ts'),
      ])
      return new InnerSession(() => readModel(path), open, name)
    }
    const session = sessionOver(runtime, native, ports, inside, options)
    models.set(model, {
      session,
      stall,
      oneThread: (options.threads ?? 1) === 1,
      firstMs: null,
      prepared: null,
      calls: 0,
    })
    return {
      ports: { inputs: session.inputs, outputs: session.outputs, omitted: session.omitted },
      engine: session.engine,
      loadMs,
    }
  },
  async run({ feeds, fetch }, model) {
    const open = opened(model)
    const start = performance.now()
    const fetched = await open.session.run(feeds, fetch)
    open.firstMs ??= performance.now() - start
    return { fetched, firstMs: open.firstMs }
  },
  async time({ feeds, count, warm }, model) {
    const open = opened(model)
    const run = runOf(open, feeds)
    const one = async () => {
      const start = process.hrtime.bigint()
      await run()
      const ns = Number(process.hrtime.bigint() - start)
      open.firstMs ??= ns / 1e6
      return ns
    }
    for (let i = 0; i < warm; i++) await one()
    const ns = new Float64Array(count)
    const before = process.cpuUsage()
    for (let i = 0; i < count; i++) ns[i] = await one()
    const { user, system } = process.cpuUsage(before)
    return { ns, ranNs: open.oneThread && COUNTED ? 1000 * (user + system) : null, firstMs: open.firstMs ?? 0 }
  },
  async arrivals({ feeds, arrivals }, model) {
    const open = opened(model)
    const served = await serveArrivals(arrivals, runOf(open, feeds), clock)
    open.firstMs ??= (served.service[0] ?? 0) / 1e6
    return { ...served, firstMs: open.firstMs }
  },
  allocations: async ({ feeds, runs }, model) => countAllocations(runOf(opened(model), feeds), runs),
  groups: async ({ feeds, names, byteBudget }, model) => opened(model).session.fetchGroups(feeds, names, byteBudget),
  async memory() {
    return peakMemory()
  },
  async close(_, model) {
    await models.get(model)?.session.close()
    models.delete(model)
    return null
  },
  async optimize({ path, out, options }) {
    const { createNative } = await import('./ort-runtime.ts')
    await (await createNative(path, nativeOptions(options, { optimizedPath: out }), undefined)).release()
    return null
  },
  async profile({ path, prefix, feeds, warm, runs, options }) {
    const { createNative } = await import('./ort-runtime.ts')
    const native = await createNative(path, nativeOptions(options, { profilePrefix: prefix }), undefined)
    const names = native.outputs.filter((output) => output.type !== undefined).map((output) => output.name)
    const ready = native.prepare(feeds)
    for (let i = 0; i < warm + runs; i++) await native.spin(ready, names)
    native.endProfiling()
    await native.release()
    return null
  },
}

/**
 * What a run gives goes to the other process before anything else runs here, so it need not be copied out of the runtime's
 * memory first.
 */
const uncopied = (native: LendingSession): LendingSession => ({ ...native, run: native.lend })

/** Loaded when asked for: one of them is not always there, and what the other takes is measured. */
const runtimes: Readonly<Record<RuntimeKind, () => Promise<OrtRuntime & { openFile: OpenFile }>>> = {
  async node() {
    const { createNative, nodeRuntime, startNative } = await import('./ort-runtime.ts')
    // So that the time of the load is the model's own, as in a process that serves already.
    await startNative()
    return {
      name: nodeRuntime.name,
      open: async (model, options, scattered) => uncopied(await nodeRuntime.open(model, options, scattered)),
      openFile: async (path, options, where, optimizedPath) =>
        uncopied(
          await createNative(path, nativeOptions(options, optimizedPath === undefined ? {} : { optimizedPath }), where),
        ),
    }
  },
  async web() {
    const { webRuntime } = await import('./ort-web.ts')
    const runtime = await webRuntime()
    return {
      ...runtime,
      openFile: async (path, options, where) => runtime.create(await readFileBytes(path), options, where),
    }
  },
}
type OpenFile = (
  path: string,
  options: OrtSessionOptions,
  where: string | undefined,
  optimized?: string,
) => Promise<NativeSession>

/** One run of what was last prepared. */
function runOf(open: OpenModel, feeds: Feeds | null): () => Promise<void> {
  const { session, stall } = open
  const { native, outputs } = session
  if (feeds !== null) open.prepared = native.prepare(feeds)
  const names = outputs.map((output) => output.name)
  if (!stall) return () => native.spin(open.prepared, names)
  const { ms, every } = stall
  return async () => {
    await native.spin(open.prepared, names)
    if (++open.calls % every === 0) clock.waitUntil(clock.now() + ms * 1e6)
  }
}

/** Sleeping overshoots by some tens of microseconds: the last millisecond is spun away. */
const SPIN_NS = 1e6
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const clock: LoadClock = {
  now: () => performance.now() * 1e6,
  waitUntil(time) {
    const idle = time - this.now() - SPIN_NS
    if (idle > 0) Atomics.wait(sleeper, 0, 0, idle / 1e6)
    while (this.now() < time);
  },
}

function opened(model: number): OpenModel {
  const open = models.get(model)
  if (!open) throw new Error('internal: no such session is open in this process')
  return open
}

const pages = SharedPages.otherHalf(FIRST_OF_STDIO)
/** What feeds are read into again and again. */
let memory = Buffer.alloc(0)

/** Feeds that later requests may mean by `null` have memory of their own. */
function memoryFor({ op }: Request): ((bytes: number) => Buffer<ArrayBuffer>) | undefined {
  if (op !== 'run' && op !== 'groups') return undefined
  return (bytes) => {
    if (memory.byteLength < bytes) memory = Buffer.allocUnsafeSlow(bytes)
    return memory
  }
}

const viewsOf = (fetched: Fetched) =>
  Object.values(fetched).flatMap(({ data }) => (ArrayBuffer.isView(data) ? [bytesOf(data)] : []))
const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)

/** Whether the system counts processor time in microseconds; Windows does in ticks of 16 ms. */
const COUNTED = process.platform !== 'win32'

interface Envelope {
  readonly id: number
  /** Which of the models of this process is meant. */
  readonly model: number
  readonly request: Parcel<Request>
}

// One request at a time: the runtime blocks this process anyway, and timings must stand alone.
let queue = Promise.resolve()
process.on('message', ({ id, model, request: parcel }: Envelope) => {
  queue = queue.then(async () => {
    try {
      const request = unpack(pages, parcel, memoryFor(parcel.body))
      const handler = handlers[request.op] as (request: Request, model: number) => Promise<object | null>
      const answer = await handler(request, model)
      const packed = pack(pages, answer)
      process.send?.({ id, answer: packed })
      if (packed.values) giveBack(viewsOf((answer as Answer['run']).fetched))
    } catch (error) {
      process.send?.({ id, failure: failureOf(error) })
    }
  })
})
// The parent decides when work ends; a Ctrl-C reaches the whole group.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
