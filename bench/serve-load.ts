// A lean client in a process of its own: connections that send one prepared request after another.
import { connect } from 'node:net'
import { nearestRank } from '../src/statistics/index.ts'

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
  /** All requests, those that do not count included. */
  readonly answered: number
}

/** All connections read into it, one after another: a large answer takes few reads, and none allocates. */
const memory = Buffer.alloc(1 << 20)
const LONGEST_HEAD = 4096

async function load({ port, request, connections, ms }: LoadOrder): Promise<LoadResult> {
  const bytes = Buffer.from(request)
  const times: number[] = []
  let answered = 0
  let failed = 0
  const begin = performance.now() + ms / 10
  const end = begin + ms
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          let start = 0
          let head = ''
          /** Bytes still to come; null before the head is whole. */
          let left: number | null = null
          const take = (length: number) => {
            if (left === null) {
              const known = head.length
              head += memory.toString('latin1', 0, Math.min(length, LONGEST_HEAD))
              const end = head.indexOf('\r\n\r\n')
              if (end < 0) return true
              left = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0) - (length - (end + 4 - known))
            } else left -= length
            if (left > 0) return true
            const now = performance.now()
            answered++
            if (!head.startsWith('HTTP/1.1 200')) failed++
            else if (start >= begin) times.push(now - start)
            head = ''
            left = null
            send(now)
            return true
          }
          const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: memory, callback: take } })
          const send = (now: number) => {
            if (now >= end) {
              socket.destroy()
              return resolve()
            }
            start = now
            socket.write(bytes)
          }
          socket.on('connect', () => send(performance.now()))
          socket.on('error', reject)
        }),
    ),
  )
  times.sort((a, b) => a - b)
  return {
    perSecond: (1000 * times.length) / ms,
    p50Ms: nearestRank(times, 0.5),
    p99Ms: nearestRank(times, 0.99),
    failed,
    answered,
  }
}

process.on('message', (order: LoadOrder) => void load(order).then((result) => process.send!(result)))
process.on('disconnect', () => process.exit(0))
