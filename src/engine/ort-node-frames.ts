import type { Writable } from 'node:stream'
import { bytesIn } from './byte-values.ts'
import type { ByteTensor } from './lanes.ts'

/**
 * What travels on a lane: 16 bytes (length of the header, length of the payload as two halves, zero), the header as
 * JSON, then the payload of tensors, each on a multiple of eight bytes. One write, no copy of tensor bytes.
 */
export interface Frame {
  readonly header: FrameHeader
  /** Begins on a multiple of eight. */
  readonly payload: Buffer
}

/** What a frame is: a request, or the answer to the request of that `id`. */
export interface FrameHeader {
  readonly id: number
  readonly op: 'run' | 'spin' | 'answer' | 'failure'
  readonly tensors?: readonly TensorPlace[]
  readonly outputs?: readonly string[]
  /** How long to spin. */
  readonly ms?: number
  readonly runNs?: number
  /** Of spinning: runs a second, and how many processors they kept busy. */
  readonly rate?: number
  readonly processors?: number
  readonly failure?: unknown
  /** The payload is not behind the header but in the lane's shared pages: where, and how many bytes. */
  readonly pages?: readonly [number, number]
  /** Places of the other end that have been read since the last frame. */
  readonly freed?: readonly number[]
}

/** Name, dtype, dims, offset in the payload, bytes. */
export type TensorPlace = readonly [string, string, readonly number[], number, number]

const PREFIX = 16
const ALIGNMENT = 8
const PADDING = new Uint8Array(ALIGNMENT)

/** Puts a payload where the other end finds it without the line; null where it has to travel there. */
type PutElsewhere = (pieces: readonly Uint8Array[], bytes: number) => number | null

/** From here on, a payload is better elsewhere: a write and a read of a file are two calls more, a line holds 200 KB. */
const ELSEWHERE_BYTES = 1 << 16

/** Tensors as one payload: its pieces, which follow one another, its bytes, and where in it each tensor lies. */
export function layOut(tensors: readonly ByteTensor[]): {
  readonly pieces: readonly Uint8Array[]
  readonly bytes: number
  readonly places: readonly TensorPlace[]
} {
  const pieces: Uint8Array[] = []
  let at = 0
  const places = tensors.map(({ name, dtype, dims, pieces: own }) => {
    const offset = at
    for (const piece of own) {
      if (piece.byteLength > 0) pieces.push(piece)
      at += piece.byteLength
    }
    const length = at - offset
    const rest = (ALIGNMENT - (at % ALIGNMENT)) % ALIGNMENT
    if (rest > 0) pieces.push(PADDING.subarray(0, rest))
    at += rest
    return [name, dtype, dims, offset, length] as const
  })
  return { pieces, bytes: at, places }
}

/** The pieces of a frame, to be written one after another. */
export function framePieces(
  header: Omit<FrameHeader, 'tensors' | 'pages'>,
  tensors: readonly ByteTensor[],
  elsewhere?: PutElsewhere,
): readonly Uint8Array[] {
  const { pieces, bytes, places } = layOut(tensors)
  const page = elsewhere && bytes >= ELSEWHERE_BYTES ? elsewhere(pieces, bytes) : null
  const full: FrameHeader = { ...header, tensors: places, ...(page === null ? {} : { pages: [page, bytes] }) }
  const payload = page === null ? bytes : 0
  const json = JSON.stringify(full)
  const length = Buffer.byteLength(json)
  const head = Buffer.allocUnsafe(PREFIX + length)
  head.writeUInt32LE(length, 0)
  head.writeUInt32LE(payload >>> 0, 4)
  head.writeUInt32LE(Math.floor(payload / 2 ** 32), 8)
  head.writeUInt32LE(0, 12)
  head.write(json, PREFIX)
  return page === null ? [head, ...pieces] : [head]
}

/** Up to here, copying the pieces together is cheaper than telling the system of each. */
const JOINED_BYTES = 1 << 15

/** Sends a frame; large pieces go out as they are. */
export function writeFrame(line: Writable, pieces: readonly Uint8Array[]): void {
  if (pieces.length === 1) {
    line.write(pieces[0])
    return
  }
  if (bytesIn(pieces) <= JOINED_BYTES) {
    line.write(Buffer.concat(pieces))
    return
  }
  line.cork()
  for (const piece of pieces) line.write(piece)
  line.uncork()
}

/** Puts frames together from what a stream delivers; the payload is copied once, into memory of its own. */
export class FrameReader {
  readonly #deliver: (frame: Frame) => void
  readonly #prefix = Buffer.alloc(PREFIX)
  #part: 'prefix' | 'header' | 'payload' = 'prefix'
  #target: Buffer = this.#prefix
  #filled = 0
  #header: FrameHeader | null = null

  constructor(deliver: (frame: Frame) => void) {
    this.#deliver = deliver
  }

  push(chunk: Buffer): void {
    for (let at = 0; ; ) {
      const taken = Math.min(this.#target.byteLength - this.#filled, chunk.byteLength - at)
      if (taken > 0) chunk.copy(this.#target, this.#filled, at, at + taken)
      at += taken
      this.#filled += taken
      if (this.#filled < this.#target.byteLength) return
      this.#next()
    }
  }

  /** A part is whole: on to the one after it. */
  #next(): void {
    const whole = this.#target
    this.#filled = 0
    if (this.#part === 'prefix') {
      this.#part = 'header'
      this.#target = Buffer.allocUnsafe(whole.readUInt32LE(0))
    } else if (this.#part === 'header') {
      this.#part = 'payload'
      this.#header = JSON.parse(whole.toString('utf8')) as FrameHeader
      // Small ones come from Node's pool, which begins each on a multiple of eight.
      this.#target = Buffer.allocUnsafe(this.#prefix.readUInt32LE(4) + this.#prefix.readUInt32LE(8) * 2 ** 32)
    } else {
      this.#part = 'prefix'
      this.#target = this.#prefix
      this.#deliver({ header: this.#header!, payload: whole })
    }
  }
}

/** The tensors of a frame, as views of its payload. */
export const tensorsOf = ({ header, payload }: Frame): readonly ByteTensor[] => tensorsIn(payload, header.tensors ?? [])

/** Tensors at their places in a payload, as views of it. */
export function tensorsIn(payload: Buffer, places: readonly TensorPlace[]): readonly ByteTensor[] {
  return places.map(([name, dtype, dims, offset, length]) => ({
    name,
    dtype: dtype as ByteTensor['dtype'],
    dims,
    pieces: [new Uint8Array(payload.buffer, payload.byteOffset + offset, length)],
  }))
}
