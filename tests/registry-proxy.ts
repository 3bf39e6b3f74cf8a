import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one request; undefined: nothing. */
export type Trouble =
  /** An answer of its own, before the body is read. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The line breaks: within the request, within the answer, or when the registry has done it and before it can say so. */
  | 'cut-request'
  | 'cut-answer'
  | 'cut-before-answer'
  /** What it was allowed to do is forgotten. */
  | 'no-authorization'
  | undefined

/** Something between a client and a registry that makes trouble where it is told to. */
export interface RegistryProxy {
  readonly url: string
  /** `METHOD path?query` of each request, and when it came, in ms. */
  readonly seen: { readonly what: string; readonly at: number }[]
  /** Asked for each request. */
  trouble: (what: string) => Trouble
  close(): Promise<void>
}

export async function startProxy(registry: string): Promise<RegistryProxy> {
  const server = createServer((request, response) => {
    const what = `${request.method} ${decodeURIComponent(request.url!)}`
    proxy.seen.push({ what, at: performance.now() })
    pass(request, response, proxy.trouble(what))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))

  function pass(request: IncomingMessage, response: ServerResponse, trouble: Trouble): void {
    if (typeof trouble === 'object') {
      response.writeHead(trouble.status, { ...trouble.headers, 'content-length': 0 }).end()
      return
    }
    const headers = { ...request.headers }
    if (trouble === 'no-authorization') delete headers.authorization
    const onward = requestHttp(new URL(request.url!, registry), { method: request.method!, headers })
    onward.on('error', () => request.socket.destroy())
    if (trouble === 'cut-request')
      request.once('data', () => {
        onward.destroy()
        request.socket.destroy()
      })
    else request.pipe(onward)
    onward.once('response', (answer) => {
      if (trouble === 'cut-before-answer') return request.socket.destroy()
      response.writeHead(answer.statusCode!, answer.headers)
      if (trouble !== 'cut-answer') return answer.pipe(response)
      answer.once('data', (piece: Buffer) =>
        response.write(piece.subarray(0, piece.length >> 1), () => request.socket.destroy()),
      )
    })
  }

  const proxy: RegistryProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    trouble: () => undefined,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
  return proxy
}

/** Trouble with the first request of each `METHOD path?query` that fits; uploads of a blob are one, wherever they go. */
export function first(pattern: RegExp, trouble: Trouble): RegistryProxy['trouble'] {
  const had = new Set<string>()
  return (what) => {
    const key = what.replace(/uploads\/.*digest=/, '')
    if (!pattern.test(what) || had.has(key)) return undefined
    had.add(key)
    return trouble
  }
}
