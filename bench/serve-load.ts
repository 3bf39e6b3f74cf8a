// A lean client in a process of its own: connections that send one prepared request after another.
import { connect } from 'node:net'

export interface LoadOrder {
  readonly port: number
  readonly request: Uint8Array
  readonly connections: number
  /** Milliseconds that count, after a tenth of them that does not. */
  readonly ms: number
}

export interface LoadResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  /** Processor time of this client, in microseconds a request. */
  readonly cpuUs: number
}

async function load({ port, request, connections, ms }: LoadOrder): Promise<LoadResult> {
  const bytes = Buffer.from(request)
  const times: number[] = []
  const cpu = process.cpuUsage()
  let answered = 0
  let failed = 0
  const begin = performance.now() + ms / 10
  const end = begin + ms
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1')
          socket.setNoDelay(true)
          let start = 0
          let seen = ''
          /** Bytes still to come; null before the head is whole. */
          let left: number | null = null
          const send = () => {
            if (performance.now() >= end) {
              socket.destroy()
              return resolve()
            }
            start = performance.now()
            socket.write(bytes)
          }
          socket.on('connect', send)
          socket.on('error', reject)
          socket.on('data', (chunk) => {
            if (left === null) {
              const from = seen.length
              seen += chunk.subarray(0, 4096).toString('latin1')
              const head = seen.indexOf('\r\n\r\n')
              if (head < 0) return
              left = Number(/^content-length: (\d+)/im.exec(seen)?.[1] ?? 0) - (chunk.byteLength - (head + 4 - from))
            } else left -= chunk.byteLength
            if (left > 0) return
            const now = performance.now()
            answered++
            if (!seen.startsWith('HTTP/1.1 200')) failed++
            else if (start >= begin) times.push(now - start)
            seen = ''
            left = null
            send()
          })
        }),
    ),
  )
  const { user, system } = process.cpuUsage(cpu)
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN
  return {
    perSecond: (1000 * times.length) / ms,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failed,
    cpuUs: (user + system) / answered,
  }
}

process.on('message', (order: LoadOrder) => void load(order).then((result) => process.send!(result)))
process.on('disconnect', () => process.exit(0))
