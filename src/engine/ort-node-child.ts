// The child process that holds one runtime session; started by ort-node-process.ts.

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

let session: OrtSession | null = null
let firstMs: number | null = null
let prepared: unknown = null
let stall: Stall | undefined
/** Calls since the model was opened. */
let calls = 0

type Handlers = { [O in Request['op']]: (request: Extract<Request, { op: O }>) => Promise<Answer[O]> }

const handlers: Handlers = {
  async warm() {
    await runtimes.node()
    return null
  },
  async open({ runtime: kind, path, where, ports, options, optimized, stall: wanted }) {
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
    ;[firstMs, prepared, stall, calls] = [null, null, wanted, 0]
    session = sessionOver(runtime, native, ports, inside, options)
    return {
      ports: { inputs: session.inputs, outputs: session.outputs, omitted: session.omitted },
      engine: session.engine,
      loadMs,
    }
  },
  async run({ feeds, fetch }) {
    const start = performance.now()
    const fetched = await opened().run(feeds, fetch)
    return { fetched, firstMs: (firstMs ??= performance.now() - start) }
  },
  async time({ feeds, count, warm }) {
    const run = runOf(feeds)
    const one = async () => {
      const start = process.hrtime.bigint()
      await run()
      const ns = Number(process.hrtime.bigint() - start)
      firstMs ??= ns / 1e6
      return ns
    }
    for (let i = 0; i < warm; i++) await one()
    const ns = new Float64Array(count)
    for (let i = 0; i < count; i++) ns[i] = await one()
    return { ns, firstMs: firstMs ?? 0 }
  },
  async arrivals({ feeds, arrivals }) {
    const served = await serveArrivals(arrivals, runOf(feeds), clock)
    firstMs ??= (served.service[0] ?? 0) / 1e6
    return { ...served, firstMs }
  },
  allocations: ({ feeds, runs }) => countAllocations(runOf(feeds), runs),
  groups: ({ feeds, names, byteBudget }) => opened().fetchGroups(feeds, names, byteBudget),
  async memory() {
    return peakMemory()
  },
  async close() {
    await session?.close()
    ;[session, prepared] = [null, null]
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
function runOf(feeds: Feeds | null): () => Promise<void> {
  const { native, outputs } = opened()
  if (feeds !== null) prepared = native.prepare(feeds)
  const names = outputs.map((output) => output.name)
  if (!stall) return () => native.spin(prepared, names)
  const { ms, every } = stall
  return async () => {
    await native.spin(prepared, names)
    if (++calls % every === 0) clock.waitUntil(clock.now() + ms * 1e6)
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

function opened(): OrtSession {
  if (!session) throw new Error('internal: no session is open in this process')
  return session
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

// One request at a time: the runtime blocks this process anyway, and timings must stand alone.
let queue = Promise.resolve()
process.on('message', ({ id, request: parcel }: { id: number; request: Parcel<Request> }) => {
  queue = queue.then(async () => {
    try {
      const request = unpack(pages, parcel, memoryFor(parcel.body))
      const handler = handlers[request.op] as (request: Request) => Promise<object | null>
      const answer = await handler(request)
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
