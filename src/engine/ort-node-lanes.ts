import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { forkModule, siblingModule } from '../platform/index.ts'
import type { ByteTensor, LaneAnswer, Lanes, LanesModel } from './lanes.ts'
import { errorOf, type Failure } from './ort-node-failure.ts'
import { type Frame, type FrameHeader, FrameReader, framePieces, tensorsOf, writeFrame } from './ort-node-frames.ts'
import { type LanesRequest, lineOf } from './ort-node-lanes-request.ts'
import { crash } from './ort-node-process.ts'
import { SharedPages } from './ort-node-shared-pages.ts'
import { QUIET } from './ort-telemetry.ts'
import type { Ports } from './ports.ts'
import { ReusedMemory } from './reused-memory.ts'

export interface StartLanesOptions {
  /** Lines to make ready; as many as there are cores by default. */
  readonly capacity?: number
  /** Known already: spares the process the hashing of the file. */
  readonly digest?: string
  /** How messages name the model. */
  readonly label?: string
  /** Ends the process, at whatever it is. */
  readonly signal?: AbortSignal
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
  { capacity = availableParallelism(), digest, label = 'the model', signal }: StartLanesOptions = {},
): Promise<Lanes> {
  const lanes = new LanesProcess(capacity, label)
  const stop = () => void lanes.stop()
  signal?.addEventListener('abort', stop, { once: true })
  void lanes.ended.then(() => signal?.removeEventListener('abort', stop))
  try {
    if (signal?.aborted) throw signal.reason
    const read = await lanes.ask<LanesModel & Ports>({ op: 'read', path, digest })
    const opened = await lanes.ask<{ ports: Ports; loadMs: number }>({ op: 'open', lane: 0, options: {} })
    return {
      pid: lanes.pid,
      model: { ...read, ...opened.ports },
      capacity,
      ended: lanes.ended,
      stop: (why) => lanes.stop(why),
      open: async (lane, options = {}) => (await lanes.ask<{ loadMs: number }>({ op: 'open', lane, options })).loadMs,
      close: (lane) => lanes.ask({ op: 'close', lane }),
      async run(lane, inputs, outputs): Promise<LaneAnswer> {
        const asked = outputs ? ({ op: 'run', outputs } as const) : ({ op: 'run' } as const)
        const { frame, runNs = 0, release } = await lanes.call(lane, asked, inputs)
        return { outputs: tensorsOf(frame), runNs, ...(release ? { release } : {}) }
      },
      async spin(lane, inputs, ms) {
        const { rate = 0, processors = 0 } = await lanes.call(lane, { op: 'spin', ms }, inputs)
        return { rate, processors }
      },
      residentBytes: () => residentBytes(lanes.pid),
    }
  } catch (error) {
    await lanes.stop()
    throw error
  }
}

/** The process, its channel of messages, and a line with shared pages for each lane. */
class LanesProcess {
  readonly ended: Promise<{ readonly how: string; readonly complaint: string }>
  readonly #label: string
  readonly #child: ChildProcess
  readonly #pages: readonly (SharedPages | null)[]
  readonly #lines: readonly Socket[]
  readonly #asked = new Map<number, Waiting<unknown>>()
  readonly #running = new Map<number, Waiting<Arrival>>()
  readonly #memory = new ReusedMemory()
  #next = 0
  #complaint = ''
  #dead: string | null = null
  /** Why it was ended on purpose. */
  #why: string | undefined

  constructor(capacity: number, label: string) {
    this.#label = label
    this.#pages = Array.from({ length: capacity }, () => SharedPages.open())
    this.#child = forkModule(siblingModule(import.meta.url, 'ort-node-lanes-child'), {
      env: { ...QUIET, ...KEPT_MEMORY },
      stdio: this.#pages.flatMap((one) => ['overlapped', one?.fd ?? 'ignore'] as const),
    })
    this.#child.stderr!.on('data', (chunk) => {
      this.#complaint = (this.#complaint + chunk).slice(-2000)
    })
    this.#child.on('message', (message: { id: number; answer?: unknown; failure?: Failure }) => {
      const entry = this.#asked.get(message.id)
      this.#asked.delete(message.id)
      if (message.failure) entry?.reject(errorOf(message.failure))
      else entry?.resolve(message.answer)
    })
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#dead !== null) return
        this.#end(how)
        resolve({ how, complaint: this.#complaint })
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('exit', (code, signal) => end(this.#why ?? signal ?? `exit code ${code}`))
    })
    this.#lines = this.#pages.map((_, lane) => this.#listen(lane))
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Asks the process itself. */
  ask<T>(request: LanesRequest): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== null) return reject(this.#crash(LOADING))
      const id = this.#next++
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ id, request }, () => {})
    })
  }

  /** Sends a lane its work. */
  call(lane: number, header: Omit<FrameHeader, 'id' | 'tensors'>, inputs: readonly ByteTensor[]): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      const line = this.#lines[lane]
      if (!line) return reject(new Error(`internal: there is no lane ${lane}`))
      if (this.#dead !== null) return reject(this.#crash(RUNNING))
      const id = this.#next++
      const pages = this.#pages[lane]
      const frame = framePieces({ ...header, id, ...pages?.news() }, inputs, (pieces, bytes) =>
        pages ? pages.put(pieces, bytes) : null,
      )
      this.#running.set(id, { resolve, reject })
      writeFrame(line, frame)
    })
  }

  async stop(why?: string): Promise<void> {
    this.#why ??= why
    if (this.#dead === null) this.#child.kill('SIGKILL')
    await this.ended
  }

  #listen(lane: number): Socket {
    const line = this.#child.stdio[lineOf(lane)] as Socket
    const reader = new FrameReader((delivered) => {
      // Its pages are closed, and whoever waited has been told.
      if (this.#dead !== null) return
      const arrival = this.#arrived(lane, delivered)
      const entry = this.#running.get(arrival.id)
      this.#running.delete(arrival.id)
      if (arrival.op === 'failure') entry?.reject(errorOf(arrival.failure as Failure))
      else entry?.resolve(arrival)
    })
    line.on('data', (chunk) => reader.push(chunk))
    // The end of the process says why.
    line.on('error', () => {})
    return line
  }

  #arrived(lane: number, { header, payload }: Frame): Arrival {
    const pages = this.#pages[lane]
    pages?.free(header.freed ?? [])
    if (!header.pages) return { ...header, frame: { header, payload } }
    const [at, bytes] = header.pages
    const own = this.#memory.take(bytes)
    const read = pages!.read(at, bytes, own)
    return { ...header, frame: { header, payload: read }, release: () => this.#memory.give(own) }
  }

  #end(how: string): void {
    this.#dead = how
    for (const one of this.#pages) one?.close()
    for (const [doing, map] of [
      [LOADING, this.#asked],
      [RUNNING, this.#running],
    ] as const) {
      for (const { reject } of map.values()) reject(this.#crash(doing))
      map.clear()
    }
  }

  #crash(doing: string): Error {
    return crash(this.#label, doing, this.#dead!, this.#complaint)
  }
}

const LOADING = 'loading the model'
const RUNNING = 'running the model'

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
