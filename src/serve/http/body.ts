import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { deflate, gunzip, gzip, inflate, inflateRaw } from 'node:zlib'
import { invalid, ServeError } from '../serve-error.ts'

const gunzipBytes = promisify(gunzip)
const inflateBytes = promisify(inflate)
const inflateRawBytes = promisify(inflateRaw)
const gzipBytes = promisify<Uint8Array, { level: number }, Buffer>(gzip)
const deflateBytes = promisify<Uint8Array, { level: number }, Buffer>(deflate)

/** What a body takes at first where its length is not said; then doubling. */
const FIRST_BYTES = 1 << 16
/** A length that is said is trusted up to here; beyond, memory grows only as bytes arrive. */
const TRUSTED_BYTES = 1 << 22

/** From here on, a chunk is worth the buffer of the network that it keeps (64 KiB). */
const WHOLE_BYTES = 1 << 13
const NOTHING = Buffer.alloc(0)

const tooLarge = (limit: number) => new ServeError('too-large', `the request body is larger than ${limit} bytes`)

/**
 * All of a body in one piece of memory. Chunks are copied as they come: kept as they are, many small ones would hold a
 * buffer of the network each.
 *
 * @throws ServeError `too-large`, or `cancelled` where the client went before the end.
 */
export function readBody(stream: Readable, said: number | undefined, limit: number): Promise<Buffer> {
  if (said !== undefined && said > limit) return Promise.reject(tooLarge(limit))
  return new Promise((resolve, reject) => {
    let bytes: Buffer = NOTHING
    let length = 0
    const finish = (error: Error | null) => {
      stream.off('data', take).off('end', end).off('error', gone).off('close', gone)
      if (error) {
        // What still comes is thrown away, so that the answer can be read.
        stream.resume()
        reject(error)
      } else resolve(bytes.subarray(0, length))
    }
    const take = (chunk: Buffer) => {
      // All of it in one piece, and not a crumb of a large buffer: nothing to copy.
      if (chunk.byteLength === said && said >= WHOLE_BYTES) {
        bytes = chunk
        length = said
        return
      }
      const needed = length + chunk.byteLength
      if (needed > limit) return finish(tooLarge(limit))
      if (needed > bytes.byteLength) {
        const first = Math.min(said ?? FIRST_BYTES, TRUSTED_BYTES)
        const larger = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(needed, first, bytes.byteLength * 2)))
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      chunk.copy(bytes, length)
      length = needed
    }
    const end = () => finish(null)
    const gone = () => finish(new ServeError('cancelled', 'the client has gone'))
    stream.on('data', take).on('end', end).on('error', gone).on('close', gone)
  })
}

/**
 * Undoes `Content-Encoding`. At most `limit` bytes come out, whatever goes in.
 *
 * @throws ServeError for encodings other than gzip and deflate, for broken data, and above the limit.
 */
export async function decodeBody(body: Buffer, encoding: string | undefined, limit: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || body.byteLength === 0) return body
  const options = { maxOutputLength: limit }
  try {
    if (name === 'gzip' || name === 'x-gzip') return await gunzipBytes(body, options)
    // Some clients send the stream of RFC 1951 without the frame of RFC 1950.
    if (name === 'deflate') return await (isZlib(body) ? inflateBytes : inflateRawBytes)(body, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new ServeError('too-large', `the request body is larger than ${limit} bytes when decompressed`)
    throw invalid(`the request body is not valid ${name} data`)
  }
  throw invalid(`Content-Encoding '${name.slice(0, 40)}' is not supported; use gzip or deflate`)
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
