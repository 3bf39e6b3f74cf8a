// One thread of a lanes process: a session and the line on which runs arrive. Started by ort-node-lanes-child.ts.
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { giveBack } from '../platform/index.ts'
import { bytesOfValue, valueOfBytes } from './byte-values.ts'
import type { ByteTensor } from './lanes.ts'
import type { LendingSession } from './ort-native.ts'
import { failureOf } from './ort-node-failure.ts'
import { type Frame, type FrameHeader, FrameReader, framePieces, tensorsOf, writeFrame } from './ort-node-frames.ts'
import { SharedPages } from './ort-node-shared-pages.ts'
import { runtimeName } from './ort-node-version.ts'
import { nativeOptions, type OrtSessionOptions } from './ort-options.ts'
import { createNative } from './ort-runtime.ts'
import { settlePorts } from './ort-session.ts'
import type { Ports } from './ports.ts'

/** What the thread is told by its process; answered with the same `id`. */
export type LaneOrder =
  | {
      readonly id: number
      readonly op: 'open'
      readonly path: string
      readonly ports: Ports
      readonly options: OrtSessionOptions
    }
  | { readonly id: number; readonly op: 'close' }

const { line: fd, pages: pagesFd } = workerData as { readonly line: number; readonly pages: number }
/** Read into again and again, like what arrives on the line. */
let pageMemory = Buffer.alloc(0)
const pages = SharedPages.otherHalf(pagesFd)

function arrived({ header, payload }: Frame): Frame {
  if (!header.pages) return { header, payload }
  const [at, bytes] = header.pages
  if (pageMemory.byteLength < bytes) pageMemory = Buffer.allocUnsafeSlow(bytes)
  return { header, payload: pages!.read(at, bytes, pageMemory) }
}
/** Read into again and again: a new buffer for every read costs more than a small model's run. */
const READ_BYTES = 1 << 18
/** From here on, giving memory back takes less than the collector does for it. */
const LARGE_BYTES = 1 << 16
const line = new Socket({
  fd,
  readable: true,
  writable: true,
  onread: {
    buffer: new Uint8Array(READ_BYTES),
    callback: (length: number, buffer: Uint8Array) => {
      reader.push(Buffer.from(buffer.buffer, buffer.byteOffset, length))
      return true
    },
  },
} as ConstructorParameters<typeof Socket>[0])
let native: LendingSession | null = null
let names: readonly string[] = []

async function open({ path, ports, options }: Extract<LaneOrder, { op: 'open' }>) {
  await close()
  const start = performance.now()
  native = await createNative(path, nativeOptions(options), undefined)
  const loadMs = performance.now() - start
  const settled = settlePorts(native, ports, runtimeName)
  names = settled.outputs.map((output) => output.name)
  return { loadMs, ports: settled }
}

async function close(): Promise<null> {
  await native?.release()
  native = null
  return null
}

parentPort!.on('message', async (order: LaneOrder) => {
  try {
    const answer = order.op === 'open' ? await open(order) : await close()
    parentPort!.postMessage({ id: order.id, answer })
  } catch (error) {
    parentPort!.postMessage({ id: order.id, failure: failureOf(error) })
  }
})

const send = (header: Omit<FrameHeader, 'tensors'>, tensors: readonly ByteTensor[] = []): void =>
  writeFrame(
    line,
    framePieces({ ...header, ...pages?.news() }, tensors, (pieces, bytes) => pages?.put(pieces, bytes) ?? null),
  )

/** Runs, and gives the memory of what it sent: nobody looks at it once it has gone. */
async function answer(frame: Frame): Promise<readonly Uint8Array[]> {
  const { id, op, outputs, ms = 0 } = frame.header
  try {
    // Read in any case: the other end hears of it, and may use the place again.
    const inputs = tensorsOf(arrived(frame)).map((tensor) => [tensor.name, valueOfBytes(tensor)])
    if (!native) throw new Error('internal: no session is open on this lane')
    const feeds = native.prepare(Object.fromEntries(inputs))
    const wanted = outputs ?? names
    if (op === 'spin') {
      await native.spin(feeds, wanted)
      const before = process.cpuUsage()
      const start = performance.now()
      let runs = 0
      for (; performance.now() - start < ms; runs++) await native.spin(feeds, wanted)
      const { user, system } = process.cpuUsage(before)
      const took = performance.now() - start
      send({ id, op: 'answer', rate: (1000 * runs) / took, processors: (user + system) / 1000 / took })
      return []
    }
    const start = process.hrtime.bigint()
    // Written to the other end before anything else runs here.
    const fetched = await native.lend(feeds, wanted)
    const runNs = Number(process.hrtime.bigint() - start)
    const tensors = wanted.map((name) => bytesOfValue(name, fetched[name]!))
    send({ id, op: 'answer', runNs }, tensors)
    return tensors.flatMap(({ pieces }) => pieces)
  } catch (error) {
    send({ id, op: 'failure', failure: failureOf(error) })
    return []
  }
}

// One run at a time, in the order of arrival.
const waiting: Frame[] = []
let running = false
async function work(): Promise<void> {
  running = true
  for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
    const sent = await answer(frame)
    // What the other end has not taken yet would wait for the whole of the next run.
    if (line.writableNeedDrain || line.writableLength > 0) await new Promise((resolve) => line.once('drain', resolve))
    if (sent.some(({ byteLength }) => byteLength >= LARGE_BYTES)) giveBack(sent)
  }
  running = false
}
const reader = new FrameReader((frame) => {
  pages?.free(frame.header.freed ?? [])
  waiting.push(frame)
  if (!running) void work()
})
line.resume()
// The other end is gone: the process is about to end as well.
line.on('error', () => {})
