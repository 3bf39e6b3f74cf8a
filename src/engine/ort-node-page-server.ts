import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MANY_BYTES, pageRuntime } from './ort-page.ts'

/** A server on the loopback interface that hands a page the runtime, the models that it shall run and their inputs. */
export interface PageServer {
  /** The page for sessions with so many threads. */
  pageUrl(threads: number): string
  /** Puts bytes where pages can fetch them, and put others in their place; `remove` takes them away again. */
  offer(bytes: Uint8Array): { readonly url: string; bytes(): Uint8Array; remove(): void }
  stop(): Promise<void>
}

/** What a page loads of the package; nothing else of the disk is handed out. */
const RUNTIME_FILES = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']
const HEADERS = {
  // Isolated pages have a clock of 5 µs instead of 100, and memory that threads can share.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cache-control': 'no-store',
}

/** Serves the page, the runtime and what is given to it on a free port of this machine alone. */
export async function startPageServer(): Promise<PageServer> {
  const folder = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web')))
  const offers = new Map<string, Uint8Array>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const send = (type: string, body: string | Uint8Array) =>
      response.writeHead(200, { ...HEADERS, 'content-type': type }).end(body)
    const file = RUNTIME_FILES.find((name) => pathname === `/ort/${name}`)
    const offer = offers.get(pathname)
    if (offer && request.method === 'POST') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        offers.set(pathname, Buffer.concat(parts))
        response.writeHead(204, HEADERS).end()
      })
    } else if (offer) send('application/octet-stream', offer)
    else if (file) {
      response.writeHead(200, {
        ...HEADERS,
        'content-type': file.endsWith('.wasm') ? 'application/wasm' : 'text/javascript',
      })
      createReadStream(join(folder, file))
        .on('error', () => response.destroy())
        .pipe(response)
    } else if (pathname === '/') send('text/html', pageFor(Number(searchParams.get('threads'))))
    else response.writeHead(404, HEADERS).end()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    pageUrl: (threads) => `${origin}/?threads=${threads}`,
    offer(bytes) {
      const path = `/offer/${randomUUID()}`
      offers.set(path, bytes)
      return { url: `${origin}${path}`, bytes: () => offers.get(path)!, remove: () => offers.delete(path) }
    },
    stop() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

const pageFor = (threads: number) => `<!doctype html><meta charset="utf-8"><title>Whetstone</title>
<script type="module">
import * as ort from '/ort/ort.wasm.min.mjs'
globalThis.whetstone = (${pageRuntime.toString()})(ort, ${threads}, ${MANY_BYTES})
</script>`
