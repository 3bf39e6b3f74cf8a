import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip, createInflate, createInflateRaw, deflate, gzip } from 'node:zlib'
import { bytesIn } from '../../engine/index.ts'
import type { Holding } from '../body-budget.ts'
import { invalid, ServeError } from '../serve-error.ts'

const gzipBytes = promisify<Uint8Array, { level: number }, Buffer>(gzip)
const deflateBytes = promisify<Uint8Array, { level: number }, Buffer>(deflate)

/** Small chunks share a piece of this size. */
const GATHER_BYTES = 1 << 16
/** A chunk of this size or more is kept as it came: a copy would cost more than the list that it stands in. */
const KEPT_BYTES = 1 << 13

const tooLarge = (limit: number, more = '') =>
  new ServeError('too-large', `the request body is larger than ${limit} bytes${more}`)

/**
 * A body in pieces that follow one another.
 *
 * @throws ServeError `too-large`, `too-many` where `holding` has no room for it, or `cancelled` where the client went
 * before the end.
 */
export async function readBody(
  stream: Readable,
  said: number | undefined,
  limit: number,
  holding: Holding,
): Promise<readonly Buffer[]> {
  if (said !== undefined && said > limit) throw tooLarge(limit)
  try {
    return await collect(stream, said, (length, more) => {
      if (length > limit) throw tooLarge(limit)
      holding.take(more)
    })
  } catch (error) {
    // What still comes is thrown away, so that the answer can be read.
    stream.resume()
    if (error instanceof ServeError) throw error
    throw new ServeError('cancelled', 'the client has gone')
  }
}

/**
 * All that comes. Large chunks are kept as they are; small ones are gathered, since each may hold a buffer of the
 * network, and a list of many would take more than they. `admit` is told the bytes up to now and those of a chunk, and
 * throws where it is not to be kept: nothing is read from then on.
 */
function collect(
  stream: Readable,
  said: number | undefined,
  admit: (length: number, more: number) => void,
): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let length = 0
    /** Where small chunks are gathered, and how far it is filled. */
    let gathered: Buffer | null = null
    let filled = 0
    const close = () => {
      if (gathered) pieces.push(gathered.subarray(0, filled))
      gathered = null
      filled = 0
    }
    const finish = (error: Error | null) => {
      stream.off('data', take).off('end', end).off('error', gone).off('close', gone)
      if (error) {
        stream.pause()
        reject(error)
      } else {
        close()
        resolve(pieces)
      }
    }
    const take = (chunk: Buffer) => {
      length += chunk.byteLength
      try {
        admit(length, chunk.byteLength)
      } catch (error) {
        return finish(error as Error)
      }
      if (chunk.byteLength >= KEPT_BYTES) {
        close()
        pieces.push(chunk)
        return
      }
      if (gathered && filled + chunk.byteLength > gathered.byteLength) close()
      // What is announced bounds it; the end of a large body is often a few bytes.
      const coming = said === undefined ? GATHER_BYTES : said - length + chunk.byteLength
      gathered ??= Buffer.allocUnsafeSlow(Math.max(chunk.byteLength, Math.min(coming, GATHER_BYTES)))
      chunk.copy(gathered, filled)
      filled += chunk.byteLength
    }
    const end = () => finish(null)
    const gone = (error?: Error) => finish(error ?? new Error('it ended before its end'))
    stream.on('data', take).on('end', end).on('error', gone).on('close', gone)
  })
}

/**
 * Undoes `Content-Encoding`. At most `limit` bytes come out, whatever goes in.
 *
 * @throws ServeError for encodings other than gzip and deflate, for broken data, above the limit, and `too-many` where
 * `holding` has no room for what comes out.
 */
export async function decodeBody(
  pieces: readonly Buffer[],
  encoding: string | undefined,
  limit: number,
  holding: Holding,
): Promise<readonly Buffer[]> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || pieces.length === 0) return pieces
  const inflater = inflaterOf(name, pieces[0]!)
  if (!inflater) throw invalid(`Content-Encoding '${name.slice(0, 40)}' is not supported; use gzip or deflate`)
  for (const piece of pieces) inflater.write(piece)
  inflater.end()
  try {
    const inflated = await collect(inflater, undefined, (length, more) => {
      if (length > limit) throw tooLarge(limit, ' when decompressed')
      holding.take(more)
    })
    holding.give(bytesIn(pieces))
    return inflated
  } catch (error) {
    if (error instanceof ServeError) throw error
    throw invalid(`the request body is not valid ${name} data`)
  } finally {
    inflater.destroy()
  }
}

/** As large as a piece that a socket hands over. */
const INFLATED = { chunkSize: 1 << 16 }

function inflaterOf(name: string, start: Buffer) {
  if (name === 'gzip' || name === 'x-gzip') return createGunzip(INFLATED)
  // Some clients send the stream of RFC 1951 without the frame of RFC 1950.
  if (name === 'deflate') return isZlib(start) ? createInflate(INFLATED) : createInflateRaw(INFLATED)
  return null
}

const isZlib = (body: Buffer) =>
  body.byteLength >= 2 && (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0

/** Below this, a client that lists encodings out of habit is better served without. */
const WORTH_BYTES = 1024
/** Tensors hardly shrink further at higher levels. */
const LEVEL = 1

/**
 * The body in an encoding that the client accepts. One that names a single encoding asks for it and gets it; one that
 * lists several, as programs do unasked, gets it where the body is large enough to gain.
 */
export async function encodeBody(
  body: Buffer,
  accepted: string | undefined,
): Promise<{ readonly body: Buffer; readonly encoding: 'gzip' | 'deflate' | null }> {
  if (!accepted) return { body, encoding: null }
  const names = accepted
    .toLowerCase()
    .split(',')
    .map((part) => part.trim().split(/\s*;\s*q\s*=\s*/))
    .filter(([, quality]) => quality === undefined || Number(quality) > 0)
    .map(([name]) => name!)
  if (names.length > 1 && body.byteLength < WORTH_BYTES) return { body, encoding: null }
  if (names.includes('gzip')) return { body: await gzipBytes(body, { level: LEVEL }), encoding: 'gzip' }
  if (names.includes('deflate')) return { body: await deflateBytes(body, { level: LEVEL }), encoding: 'deflate' }
  return { body, encoding: null }
}
