import { createHash } from 'node:crypto'
import { type ByteTensor, bytesIn } from '../../engine/index.ts'
import { Departure } from '../departure.ts'
import { ServeError, timedOut } from '../serve-error.ts'

/**
 * `sha256:` over names, types, shapes and bytes of tensors. Every part is preceded by its length, so that no two
 * different inputs give the same text.
 */
export function tensorsDigest(tensors: readonly ByteTensor[], context: readonly string[] = []): string {
  const hash = createHash('sha256')
  const part = (text: string) => hash.update(`${Buffer.byteLength(text)}:${text}`)
  for (const text of context) part(text)
  for (const { name, dtype, dims, pieces } of tensors) {
    part(name)
    part(dtype)
    part(dims.join(','))
    part(String(bytesIn(pieces)))
    for (const piece of pieces) hash.update(piece)
  }
  return `sha256:${hash.digest('hex')}`
}

/** How long somebody waits for an answer. */
interface Patience {
  /** How errors name it. */
  readonly model: string
  /** Milliseconds; 0 is for ever. */
  readonly timeoutMs: number
  readonly departure?: Departure | undefined
}

/** A run that several may wait for. */
interface Flight {
  readonly outputs: Promise<readonly ByteTensor[]>
  /** The last who waited has gone. */
  readonly departure: Departure
  waiting: number
}

interface Kept {
  readonly outputs: readonly ByteTensor[]
  readonly bytes: number
}

interface Cached {
  readonly outputs: readonly ByteTensor[]
  /** `hit` was kept; `shared` waited for the same request of another; `miss` ran. */
  readonly how: 'hit' | 'shared' | 'miss'
}

/** What an entry takes beyond its tensors: key, maps, objects. */
const ENTRY_BYTES = 512

/**
 * Answers by their inputs, the least recently used going first. Keys hold the model's digest, the tenant and the bytes
 * of the inputs: an answer never crosses tenants, and never outlives its version. Equal requests under way run once.
 */
export class AnswerCache {
  readonly #limit: number
  readonly #kept = new Map<string, Kept>()
  readonly #flights = new Map<string, Flight>()
  #bytes = 0
  hits = 0
  misses = 0
  evictions = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get bytes(): number {
    return this.#bytes
  }
  get entries(): number {
    return this.#kept.size
  }

  /**
   * The kept answer, that of an equal request under way, or a new one. `run` is told when nobody waits for it any more.
   *
   * @throws ServeError `timeout` or `cancelled` for this request alone; else as `run` fails.
   */
  async get(
    key: string,
    patience: Patience,
    run: (departure: Departure) => Promise<readonly ByteTensor[]>,
  ): Promise<Cached> {
    const kept = this.#kept.get(key)
    if (kept) {
      this.hits++
      this.#kept.delete(key)
      this.#kept.set(key, kept)
      return { outputs: kept.outputs, how: 'hit' }
    }
    const flight = this.#flights.get(key)
    if (flight) this.hits++
    else this.misses++
    const outputs = await this.#wait(key, flight ?? this.#start(key, run), patience)
    return { outputs, how: flight ? 'shared' : 'miss' }
  }

  #start(key: string, run: (departure: Departure) => Promise<readonly ByteTensor[]>): Flight {
    const departure = new Departure()
    departure.until = 0
    const outputs = run(departure).then(
      (own) => {
        if (this.#land(key, flight)) this.#keep(key, own)
        return own
      },
      (error) => {
        this.#land(key, flight)
        throw error
      },
    )
    const flight = { outputs, departure, waiting: 0 }
    this.#flights.set(key, flight)
    return flight
  }

  /** Each waits for as long as it said, whoever began. */
  #wait(key: string, flight: Flight, { model, timeoutMs, departure }: Patience): Promise<readonly ByteTensor[]> {
    flight.waiting++
    const until = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY
    flight.departure.until = Math.max(flight.departure.until, until)
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const settle = () => {
        clearTimeout(timer)
        departure?.listen(null)
      }
      const leave = (error: ServeError) => {
        settle()
        reject(error)
        if (--flight.waiting > 0) return
        // Who comes now must not wait for a run that nobody wanted.
        this.#land(key, flight)
        flight.departure.leave()
      }
      flight.outputs.finally(settle).then(resolve, reject)
      const gone = () => leave(new ServeError('cancelled', 'the client has gone'))
      if (timeoutMs > 0) timer = setTimeout(() => leave(timedOut(model)), timeoutMs)
      if (departure?.gone) gone()
      else departure?.listen(gone)
    })
  }

  /** Whether it was the one that others would have joined. */
  #land(key: string, flight: Flight): boolean {
    return this.#flights.get(key) === flight && this.#flights.delete(key)
  }

  clear(): void {
    this.#kept.clear()
    this.#bytes = 0
  }

  #keep(key: string, outputs: readonly ByteTensor[]): void {
    const bytes = outputs.reduce((sum, { pieces }) => sum + bytesIn(pieces), ENTRY_BYTES)
    if (bytes > this.#limit / 8) return
    // A row of a batch is a view of the whole: kept as it is, it would hold the others' answers in memory.
    const own = outputs.map((tensor) => ({ ...tensor, pieces: tensor.pieces.map((piece) => new Uint8Array(piece)) }))
    this.#kept.set(key, { outputs: own, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#limit) break
      this.#kept.delete(oldest)
      this.#bytes -= freed
      this.evictions++
    }
  }
}
