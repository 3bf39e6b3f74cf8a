import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { forkModule, siblingModule } from '../platform/index.ts'
import type { ByteTensor, LaneAnswer, Lanes, LanesModel } from './lanes.ts'
import { errorOf, type Failure } from './ort-node-failure.ts'
import {
  type Frame,
  type FrameHeader,
  FrameReader,
  framePieces,
  type PutElsewhere,
  tensorsOf,
  writeFrame,
} from './ort-node-frames.ts'
import { type LanesRequest, lineOf } from './ort-node-lanes-request.ts'
import { crash } from './ort-node-process.ts'
import { readPages, SharedPages } from './ort-node-shared-pages.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import type { Ports } from './ports.ts'
import { ReusedMemory } from './reused-memory.ts'

export interface StartLanesOptions {
  /** Lines to make ready; as many as there are cores unless said. */
  readonly capacity?: number
  /** Known already: spares the process the hashing of the file. */
  readonly digest?: string
  /** How messages name the model. */
  readonly label?: string
}

/** A frame that came, and how its payload's memory is given back; absent where it cannot be. */
type Arrival = FrameHeader & { readonly frame: Frame; readonly release?: () => void }

interface Waiting<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

/**
 * Starts the process of a model and opens its first lane, so that a model that the runtime refuses is refused here.
 *
 * @throws UserError as `readModel` and the runtime say it.
 */
export async function startLanes(
  path: string,
  { capacity = availableParallelism(), digest, label = 'the model' }: StartLanesOptions = {},
  session: OrtSessionOptions = {},
): Promise<Lanes> {
  const pages = Array.from({ length: capacity }, () => SharedPages.open())
  const child = forkModule(siblingModule(import.meta.url, 'ort-node-lanes-child'), {
    env: KEPT_MEMORY,
    stdio: pages.flatMap((one) => ['overlapped', one?.fd ?? 'ignore'] as const),
  })
  const asked = new Map<number, Waiting<unknown>>()
  const running = new Map<number, Waiting<Arrival>>()
  let next = 0
  let complaint = ''
  let dead: string | null = null

  child.stderr!.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-2000)
  })
  child.on('message', (message: { id: number; answer?: unknown; failure?: Failure }) => {
    const entry = asked.get(message.id)
    asked.delete(message.id)
    if (message.failure) entry?.reject(errorOf(message.failure))
    else entry?.resolve(message.answer)
  })
  const ended = new Promise<{ how: string; complaint: string }>((resolve) => {
    const end = (how: string) => {
      if (dead !== null) return
      dead = how
      for (const one of pages) one?.close()
      for (const [doing, map] of [
        ['loading the model', asked],
        ['running the model', running],
      ] as const) {
        for (const { reject } of map.values()) reject(crash(label, doing, how, complaint))
        map.clear()
      }
      resolve({ how, complaint })
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
  })
  /** By lane, the places of answers that were read: the lane hears of them with the next run. */
  const freed: number[][] = Array.from({ length: capacity }, () => [])
  const memory = new ReusedMemory()
  const arrived = (lane: number, { header, payload }: Frame): Arrival => {
    if (!header.pages) return { ...header, frame: { header, payload } }
    const [at, bytes] = header.pages
    const own = memory.take(bytes)
    const read = readPages(pages[lane]!.fd, at, bytes, own)
    freed[lane]!.push(at)
    return { ...header, frame: { header, payload: read }, release: () => memory.give(own) }
  }
  const lines = Array.from({ length: capacity }, (_, lane) => {
    const line = child.stdio[lineOf(lane)] as Socket
    const reader = new FrameReader((delivered) => {
      // Its pages are closed, and whoever waited has been told.
      if (dead !== null) return
      const arrival = arrived(lane, delivered)
      const entry = running.get(arrival.id)
      running.delete(arrival.id)
      if (arrival.op === 'failure') entry?.reject(errorOf(arrival.failure as Failure))
      else entry?.resolve(arrival)
    })
    line.on('data', (chunk) => reader.push(chunk))
    // The end of the process says why.
    line.on('error', () => {})
    return line
  })

  const ask = <T>(request: LanesRequest): Promise<T> =>
    new Promise((resolve, reject) => {
      if (dead !== null) return reject(crash(label, 'loading the model', dead, complaint))
      const id = next++
      asked.set(id, { resolve: resolve as (value: unknown) => void, reject })
      child.send({ id, request }, () => {})
    })
  const call = (lane: number, header: Omit<FrameHeader, 'id' | 'tensors'>, inputs: readonly ByteTensor[]) =>
    new Promise<Arrival>((resolve, reject) => {
      const line = lines[lane]
      if (!line) return reject(new Error(`internal: there is no lane ${lane}`))
      if (dead !== null) return reject(crash(label, 'running the model', dead, complaint))
      const id = next++
      let place: number | null = null
      const put: PutElsewhere = (pieces, bytes) => {
        place = pages[lane]?.put(pieces, bytes) ?? null
        return place
      }
      const read = freed[lane]!.splice(0)
      const frame = framePieces({ ...header, id, ...(read.length > 0 ? { freed: read } : {}) }, inputs, put)
      // The lane reads what was put before it answers.
      const free = () => place !== null && pages[lane]?.free(place)
      running.set(id, {
        resolve: (value) => {
          free()
          resolve(value)
        },
        reject: (error) => {
          free()
          reject(error)
        },
      })
      writeFrame(line, frame)
    })
  const stop = async () => {
    if (dead === null) child.kill('SIGKILL')
    await ended
  }

  try {
    const read = await ask<LanesModel & Ports>({ op: 'read', path, digest })
    const opened = await ask<{ ports: Ports; loadMs: number }>({ op: 'open', lane: 0, options: session })
    return {
      pid: child.pid ?? -1,
      model: { ...read, ...opened.ports },
      capacity,
      ended,
      stop,
      open: async (lane, options = session) => (await ask<{ loadMs: number }>({ op: 'open', lane, options })).loadMs,
      close: (lane) => ask({ op: 'close', lane }),
      async run(lane, inputs, outputs): Promise<LaneAnswer> {
        const asked = outputs ? ({ op: 'run', outputs } as const) : ({ op: 'run' } as const)
        const { frame, runNs = 0, release } = await call(lane, asked, inputs)
        return { outputs: tensorsOf(frame), runNs, ...(release ? { release } : {}) }
      },
      async spin(lane, inputs, ms) {
        const { rate = 0, processors = 0 } = await call(lane, { op: 'spin', ms }, inputs)
        return { rate, processors }
      },
      residentBytes: () => residentBytes(child.pid),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * The C library gives large blocks back to the system at once and takes them again for the next run, page by page; a
 * tenth of a small model's time went there. These keep what a run needs for the next (glibc, `mallopt(3)`).
 */
const KEPT_MEMORY = {
  MALLOC_TRIM_THRESHOLD_: String(64 << 20),
  MALLOC_MMAP_THRESHOLD_: String(32 << 20),
  MALLOC_TOP_PAD_: String(16 << 20),
}

/** Linux tells it in /proc; elsewhere nobody asks often enough to start a program for it. */
function residentBytes(pid: number | undefined): number | null {
  try {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) * 1024 : null
  } catch {
    return null
  }
}
