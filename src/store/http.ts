import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLoopback, UserError } from '../platform/index.ts'

/** A request that may be sent more than once. */
export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent with its length; asked for anew when the call is repeated. */
  readonly body?: { readonly size: number; chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array> }
}

/** What a server answered, before its body is read. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly url: URL
  /** The body; whoever does not read it must discard it. */
  readonly body: IncomingMessage
}

/** Nothing came for this long: the other side is gone. */
const SILENCE_MS = 60_000
const MOST_REDIRECTS = 5
/** Waits before the second try and those after it, where the server names none. */
const RETRY_MS = [100, 400, 1600]
/** A server that asks for more has refused: whoever runs it decides whether to wait for so long. */
const LONGEST_WAIT_MS = 60_000

/**
 * Tries up to four times what may be done twice: again after a line that broke, and after an answer that tells of a
 * moment's trouble (429, 5xx), as late as it asks with `Retry-After` where that is a minute at most. The last answer is
 * given, whatever it says.
 *
 * @param url for the message.
 * @param attempt may call `onward` where the one before was not for nothing: the tries are counted anew from it on.
 * @throws UserError `busy` where the server does not answer.
 */
export async function patiently(url: URL, attempt: (onward: () => void) => Promise<Answer>): Promise<Answer> {
  let tries = 0
  const onward = () => {
    tries = 0
  }
  for (; ; tries++) {
    let wait: number | undefined
    try {
      const answer = await attempt(onward)
      wait = RETRY_MS[tries]
      if (wait === undefined || !inTrouble(answer.status)) return answer
      wait = Math.max(wait, retryAfterMs(answer) ?? 0)
      if (wait > LONGEST_WAIT_MS) return answer
      discard(answer)
    } catch (error) {
      wait = RETRY_MS[tries]
      if (error instanceof UserError) throw error
      if (CERTIFICATE.test((error as NodeJS.ErrnoException).code ?? '')) throw untrusted(url, error as Error)
      if (speaksPlainly(url, error as Error)) throw plain(url, error as Error)
      if (wait === undefined)
        throw new UserError('busy', `${url.origin} does not answer: ${(error as Error).message}`, {
          where: url.href,
          hint: 'check the address and the network, then repeat: what was sent already is not sent again',
          cause: error,
        })
    }
    await sleep(wait)
  }
}

/** Whether a status tells of trouble that may pass by itself. */
export const inTrouble = (status: number): boolean => status >= 500 || status === 429

/** How long a server asks to wait (RFC 9110, 10.2.3: seconds or a date); undefined where it does not. */
export function retryAfterMs({ headers }: Answer): number | undefined {
  const text = headers['retry-after']
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** How OpenSSL and Node name what is wrong with a certificate. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_SSL/

const untrusted = (url: URL, cause: Error) =>
  new UserError('bad-argument', `the certificate of ${url.origin} does not hold: ${cause.message}`, {
    where: url.href,
    hint: 'where the registry has a certificate of its own, name the file of its authority: NODE_EXTRA_CA_CERTS=ca.pem',
    cause,
  })

/** Whether what answered in TLS's place is no TLS. OpenSSL has one code for all that it cannot read. */
const speaksPlainly = ({ protocol }: URL, { message }: Error): boolean =>
  protocol === 'https:' && /wrong version number|packet length too long/.test(message)

const plain = (url: URL, cause: Error) =>
  new UserError('bad-argument', `${url.host} speaks http, not https`, {
    where: url.href,
    hint: `name it http://${url.host}; beyond this machine with --plain-http, where the network is your own`,
    cause,
  })

/** One HTTP exchange, redirects of reads followed (credentials stay with the host that they are for). */
export async function exchange(call: Call): Promise<Answer> {
  let { url, headers } = call
  for (let hops = 0; ; hops++) {
    const answer = await once({ ...call, url, ...(headers ? { headers } : {}) })
    const location = answer.headers.location
    const redirects = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined
    if (!redirects || (call.method !== 'GET' && call.method !== 'HEAD')) return answer
    discard(answer)
    if (hops === MOST_REDIRECTS) throw new Error('it redirects in a circle')
    const next = safeUrl(location, url)
    if (next.origin !== url.origin && headers) {
      const { authorization: _, ...rest } = headers
      headers = rest
    }
    url = next
  }
}

/** A URL that a server named; never from a private line to an open one. */
export function safeUrl(text: string, from: URL): URL {
  let url: URL
  try {
    url = new URL(text, from)
  } catch (cause) {
    throw new UserError('bad-data', `the server names ${JSON.stringify(text)}, which is no address`, {
      where: from.href,
      cause,
    })
  }
  const open = url.protocol === 'http:' && from.protocol === 'https:' && !isLoopback(url.hostname)
  if (open || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new UserError(
      'bad-data',
      `the server leads from ${from.origin} to ${url.protocol}//${url.host}, which everyone on the way can read`,
      {
        where: from.href,
        hint: 'ask whoever runs the registry',
      },
    )
  return url
}

function once({ method, url, headers = {}, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? requestHttps : requestHttp
    const length = body
      ? { 'content-length': String(body.size) }
      : method === 'GET' || method === 'HEAD'
        ? {}
        : { 'content-length': '0' }
    const request = start(url, { method, headers: { 'user-agent': 'whetstone', ...headers, ...length } })
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} s`)))
    let answered = false
    request.once('response', (response) => {
      answered = true
      // After an answer that did not wait for all of the request, nothing else can go over this line.
      response.once('end', () => {
        if (!request.writableFinished) request.destroy()
      })
      resolve({ status: response.statusCode ?? 0, headers: response.headers, url, body: response })
    })
    // A server may answer before it has read everything, and close; the answer counts.
    request.on('error', (error) => {
      if (!answered) reject(error)
    })
    const send = async () => {
      for await (const chunk of body?.chunks() ?? []) {
        if (answered || request.destroyed) return
        // A copy: the buffer is used again for the next piece.
        if (!request.write(Buffer.from(chunk))) await drained(request)
      }
      request.end()
    }
    send().catch((error: Error) => {
      request.destroy()
      reject(error)
    })
  })
}

const drained = (request: ReturnType<typeof requestHttp>) =>
  new Promise<void>((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'response']) request.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'response']) request.once(event, done)
  })

/** Reads an answer's body to nowhere, so that its connection is free for the next request. */
export function discard({ body }: Answer): void {
  body.on('error', () => {})
  body.resume()
}

/**
 * The answer to a call, tried again as `patiently` does, with the whole of its small body; that of an answer above 400
 * is left to be read or discarded. UserError `bad-data` above `most` bytes.
 */
export async function fetchSmall(
  url: URL,
  attempt: () => Promise<Answer>,
  most: number,
): Promise<{ readonly answer: Answer; readonly bytes: Uint8Array }> {
  let bytes: Uint8Array = new Uint8Array()
  const answer = await patiently(url, async () => {
    const answer = await attempt()
    if (answer.status < 400) bytes = await readBody(answer, most)
    return answer
  })
  return { answer, bytes }
}

/** The whole of a small body; rejects where the line breaks. UserError `bad-data` above `most` bytes. */
export async function readBody(answer: Answer, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
    size += piece.byteLength
    if (size > most)
      throw new UserError('bad-data', `the answer is larger than ${most} bytes`, { where: answer.url.href })
    pieces.push(piece)
  }
  return new Uint8Array(Buffer.concat(pieces))
}

/** A body piece by piece, a broken line as a UserError. */
export async function* bodyChunks(answer: Answer): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) yield piece
  } catch (error) {
    throw cutOff(error, answer.url)
  } finally {
    answer.body.destroy()
  }
}

const cutOff = (error: unknown, url: URL) =>
  error instanceof UserError
    ? error
    : new UserError('busy', `the line to ${url.origin} broke: ${(error as Error).message}`, {
        where: url.href,
        hint: 'run it again',
        cause: error,
      })
