// The process of one served model: it reads the file once for what it says, then keeps a thread a lane.
// Started by ort-node-lanes.ts. The lines of the lanes are file descriptors that only their threads touch.
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { modelDigest, readModel } from '../onnx/index.ts'
import { preloads, siblingModule } from '../platform/index.ts'
import type { LanesModel } from './lanes.ts'
import { isCarried } from './ort-native.ts'
import { failureOf } from './ort-node-failure.ts'
import type { LaneOrder } from './ort-node-lane.ts'
import { type LanesRequest, lineOf, pagesOf } from './ort-node-lanes-request.ts'
import { countOperators } from './ort-node-profile.ts'
import { runtimeName } from './ort-node-version.ts'
import { type Ports, portsOf } from './ports.ts'

let path = ''
let ports: Ports = { inputs: [], outputs: [], omitted: [] }
const lanes = new Map<number, Worker>()
const waiting = new Map<number, (message: { answer?: unknown; failure?: unknown }) => void>()
let next = 0

const handlers = {
  async read(request: Extract<LanesRequest, { op: 'read' }>): Promise<Omit<LanesModel, 'outputs'> & Ports> {
    path = request.path
    const model = await readModel(path)
    ports = portsOf(model, isCarried, runtimeName)
    const operators = countOperators(model.graph)
    for (const fn of model.functions) countOperators(fn, operators)
    return { ...ports, operators, digest: request.digest ?? modelDigest(model) }
  },
  open: (request: Extract<LanesRequest, { op: 'open' }>) =>
    tell(request.lane, { id: next++, op: 'open', path, ports, options: request.options }),
  close: (request: Extract<LanesRequest, { op: 'close' }>) => tell(request.lane, { id: next++, op: 'close' }),
}

function tell(lane: number, order: LaneOrder): Promise<unknown> {
  const worker = lanes.get(lane) ?? start(lane)
  return new Promise((resolve, reject) => {
    waiting.set(order.id, ({ answer, failure }) => (failure ? reject(failure) : resolve(answer)))
    worker.postMessage(order)
  })
}

function start(lane: number): Worker {
  const module = siblingModule(import.meta.url, 'ort-node-lane')
  const boot = `(async () => {
    for (const url of ${JSON.stringify(preloads(module))}) await import(url)
    await import(${JSON.stringify(module.href)})
  })()`
  const worker = new Worker(boot, { eval: true, workerData: { line: lineOf(lane), pages: pagesOf(lane) } })
  lanes.set(lane, worker)
  worker.on('message', (message: { id: number; answer?: unknown; failure?: unknown }) => {
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  })
  // A thread that fails has lost its line: the whole process starts anew.
  worker.on('error', (error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`)
    process.exit(1)
  })
  return worker
}

process.on('message', async ({ id, request }: { id: number; request: LanesRequest }) => {
  try {
    const handler = handlers[request.op] as (request: LanesRequest) => Promise<unknown>
    process.send?.({ id, answer: await handler(request) })
  } catch (error) {
    process.send?.({ id, failure: error instanceof Error ? failureOf(error) : error })
  }
})
// Where memory ends, the system shall take this process and not the one that answers everybody.
if (process.platform === 'linux')
  try {
    writeFileSync('/proc/self/oom_score_adj', '800')
  } catch {
    // Some containers forbid it.
  }
// The parent decides when work ends; a Ctrl-C or a stop of the service reaches the whole group.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
// Nobody is left to answer. An exit would wait for the threads, and a run in one of them may never end.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
