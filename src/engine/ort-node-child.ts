// The child process that holds one runtime session; started by ort-node-process.ts.
import { UserError } from '../platform/index.ts'
import { peakMemory, startWatching } from './ort-node-memory.ts'
import { nativeOptions } from './ort-node-options.ts'
import type { Answer, Failure, Request } from './ort-node-protocol.ts'
import { type OrtNodeSession, sessionOver } from './ort-node-session.ts'
import { createNative } from './ort-runtime.ts'

let session: OrtNodeSession | null = null
let firstMs: number | null = null
let prepared: unknown = null

type Handlers = { [O in Request['op']]: (request: Extract<Request, { op: O }>) => Promise<Answer[O]> }

const handlers: Handlers = {
  async open({ path, ports, options }) {
    const before = startWatching()
    const start = performance.now()
    const native = await createNative(path, nativeOptions(options), path)
    const loadMs = performance.now() - start
    before.loaded()
    const read = async () => (await import('../onnx/index.ts')).readModel(path)
    session = sessionOver(native, ports, read, options)
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
    const { native, outputs } = opened()
    if (feeds !== null) prepared = native.prepare(feeds)
    const names = outputs.map((output) => output.name)
    const one = async () => {
      const start = process.hrtime.bigint()
      await native.spin(prepared, names)
      const ns = Number(process.hrtime.bigint() - start)
      firstMs ??= ns / 1e6
      return ns
    }
    for (let i = 0; i < warm; i++) await one()
    const ns = new Float64Array(count)
    for (let i = 0; i < count; i++) ns[i] = await one()
    return { ns, firstMs: firstMs ?? 0 }
  },
  groups: ({ feeds, names, byteBudget }) => opened().fetchGroups(feeds, names, byteBudget),
  async memory() {
    return peakMemory()
  },
  async close() {
    await session?.close()
    session = null
    return null
  },
  async optimize({ path, out, options }) {
    await (await createNative(path, nativeOptions(options, { optimizedPath: out }), path)).release()
    return null
  },
  async profile({ path, prefix, feeds, warm, runs, options }) {
    const native = await createNative(path, nativeOptions(options, { profilePrefix: prefix }), path)
    const names = native.outputs.filter((output) => output.type !== undefined).map((output) => output.name)
    const ready = native.prepare(feeds)
    for (let i = 0; i < warm + runs; i++) await native.spin(ready, names)
    native.endProfiling()
    await native.release()
    return null
  },
}

function opened(): OrtNodeSession {
  if (!session) throw new Error('internal: no session is open in this process')
  return session
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof UserError))
    return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const { code, message, where, hint } = error
  return { code, message, ...(where === undefined ? {} : { where }), ...(hint === undefined ? {} : { hint }) }
}

// One request at a time: the runtime blocks this process anyway, and timings must stand alone.
let queue = Promise.resolve()
process.on('message', ({ id, request }: { id: number; request: Request }) => {
  queue = queue.then(async () => {
    try {
      const handler = handlers[request.op] as (request: Request) => Promise<unknown>
      process.send?.({ id, answer: await handler(request) })
    } catch (error) {
      process.send?.({ id, failure: failureOf(error) })
    }
  })
})
// The parent decides when work ends; a Ctrl-C reaches the whole group.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
