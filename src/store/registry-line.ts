import { UserError } from '../platform/index.ts'
import { authorize, refused } from './credentials.ts'
import {
  type Answer,
  type Call,
  discard,
  exchange,
  fetchSmall,
  inTrouble,
  patiently,
  readBody,
  retryAfterMs,
  safeUrl,
} from './http.ts'
import { checked } from './layout.ts'
import { parseJson } from './oci.ts'
import type { Blob } from './repository.ts'

/** Calls to one registry, with the credentials that it asked for. */
export class Line {
  readonly origin: string
  #authorization: string | undefined

  constructor(origin: string) {
    this.origin = origin
  }

  /** Answers below 300, and the ones in `also`; others are UserErrors that say what the registry said. */
  async call(path: string | URL, call: Omit<Call, 'url'>, also: readonly number[]): Promise<Answer> {
    const url = new URL(path, this.origin)
    const send = () => this.#send(url, call)
    // What was taken away cannot be taken away again.
    return accepted(call.method === 'DELETE' ? await send() : await patiently(url, send), call, also)
  }

  /** The same for a GET of something small, with its bytes (none of an answer in `also`, which is discarded). */
  async document(
    path: string | URL,
    most: number,
    { headers = {}, also = [] }: { readonly headers?: Call['headers']; readonly also?: readonly number[] },
  ): Promise<{ readonly answer: Answer; readonly bytes: Uint8Array }> {
    const url = new URL(path, this.origin)
    const call = { method: 'GET', headers } as const
    const { answer, bytes } = await fetchSmall(url, () => this.#send(url, call), most)
    await accepted(answer, call, also)
    if (answer.status >= 400) discard(answer)
    return { answer, bytes }
  }

  /**
   * Sends a blob to the place of the blobs of a name. After a try that came to nothing the upload goes on behind what
   * the registry says that it has of it, as often as that has grown; elsewhere each try begins one anew, unless the one
   * before has come to its end and only the answer was lost.
   */
  async upload(blobs: string, { descriptor, chunks }: Blob): Promise<Answer> {
    const { digest, size } = descriptor
    const url = new URL(`${blobs}/uploads/`, this.origin)
    const put = (from: number): Omit<Call, 'url'> => ({
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        ...(from > 0 && from < size ? { 'content-range': `${from}-${size - 1}` } : {}),
      },
      body: { size: size - from, chunks: () => behind(from, checked(chunks(), descriptor, 'the content')) },
    })
    /** The upload of the try before, and how much of the blob had come with those before it. */
    let open: UploadPlace | undefined
    let sent: Omit<Call, 'url'> = put(0)
    const answer = await patiently(url, async (onward) => {
      if (open) {
        const there = await this.#send(new URL(`${blobs}/${digest}`, this.origin), { method: 'HEAD' })
        if (isWhole(there, size)) return there
        discard(there)
        const { from } = open
        open = await this.#received(open.url, size)
        if (open) {
          if (open.from > from) onward()
          const ended = await this.#send(ending(open, digest), (sent = put(open.from)))
          if (ended.status < 300 || inTrouble(ended.status)) return ended
          // It cannot put the pieces together.
          discard(ended)
        }
      }
      const begun = await this.#send(url, { method: 'POST' })
      if (begun.status >= 400) return begun
      discard(begun)
      const { location } = begun.headers
      if (begun.status !== 202 || location === undefined)
        throw new UserError('bad-data', `the registry opens no upload (${begun.status})`, { where: url.href })
      open = { url: safeUrl(location, begun.url), from: 0 }
      return this.#send(ending(open, digest), (sent = put(0)))
    })
    return accepted(answer, sent)
  }

  /**
   * How much of a blob an upload has (OCI distribution 1.1, "Pushing a blob in chunks"); undefined where it is unknown.
   */
  async #received(place: URL, size: number): Promise<UploadPlace | undefined> {
    const answer = await this.#send(place, { method: 'GET' })
    discard(answer)
    const { location, range } = answer.headers
    const last = answer.status === 204 ? /^(?:bytes=)?0-(\d+)$/.exec(range ?? '')?.[1] : undefined
    // Of nothing, registries say "0-0" as well.
    const from = Number(last ?? 0) + 1
    if (from === 1 || from > size) return undefined
    return { url: location === undefined ? place : safeUrl(location, answer.url), from }
  }

  /** One try; a second one with what the registry wants to see, where it asks for that. */
  async #send(url: URL, call: Omit<Call, 'url'>): Promise<Answer> {
    const send = () => {
      const own = url.origin === this.origin && this.#authorization !== undefined
      const headers = { ...call.headers, ...(own ? { authorization: this.#authorization! } : {}) }
      return exchange({ ...call, url, headers })
    }
    const answer = await send()
    // Another place that the registry leads to is not told what it is told.
    if (answer.status !== 401 || answer.url.origin !== this.origin) return answer
    discard(answer)
    const authorization = await authorize(answer)
    if (authorization === null) throw refused(url, 401)
    this.#authorization = authorization
    return send()
  }
}

/** Where an upload takes what comes behind its first `from` bytes. */
interface UploadPlace {
  readonly url: URL
  readonly from: number
}

function ending({ url }: UploadPlace, digest: string): URL {
  const place = new URL(url)
  place.searchParams.set('digest', digest)
  return place
}

/** A blob without its first bytes. */
async function* behind(from: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = from
  for await (const chunk of chunks) {
    const rest = chunk.subarray(left)
    left -= chunk.byteLength - rest.byteLength
    if (rest.byteLength > 0) yield rest
  }
}

/** Whether an answer about a blob says that it is there, with all its bytes. */
export const isWhole = ({ status, headers }: Answer, size: number): boolean =>
  status === 200 && Number(headers['content-length'] ?? size) === size

async function accepted(answer: Answer, call: Omit<Call, 'url'>, also: readonly number[] = []): Promise<Answer> {
  // Where reads are led elsewhere they have gone there; a write that is led elsewhere was not done.
  if (answer.status < 300 || also.includes(answer.status)) return answer
  throw await problem(answer, call)
}

async function problem(answer: Answer, { method }: Omit<Call, 'url'>): Promise<UserError> {
  const { status, url } = answer
  const { location } = answer.headers
  if (status === 401 || status === 403) {
    discard(answer)
    return refused(url, status)
  }
  const said = await wordsOf(answer)
  const busy = inTrouble(status)
  const wait = retryAfterMs(answer)
  const later = wait ? `in ${Math.ceil(wait / 1000)} s, as it asks` : 'later'
  return new UserError(
    busy ? 'busy' : 'bad-data',
    `the registry answers ${status} to ${method}${said ? `: ${said}` : ''}`,
    {
      where: url.href,
      hint: busy
        ? `it has a problem of its own: repeat ${later}; nothing half-made is visible`
        : status < 400 && location !== undefined
          ? `it leads to ${location}: if that is the registry, name its address`
          : 'check that this is an OCI registry',
    },
  )
}

/** Codes and messages of an error body, shortened; whatever else it is, is not repeated. */
export async function wordsOf(answer: Answer): Promise<string> {
  try {
    const body = parseJson(await readBody(answer, 1 << 16), answer.url.href) as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    return (body.errors ?? []).map(({ code, message }) => `${code} ${message}`.slice(0, 200)).join('; ')
  } catch {
    return ''
  }
}
