import type { Readable, Writable } from 'node:stream'
import type { UserError } from '../platform/index.ts'

/** Why what was asked for cannot come any more: the browser or one of its tabs ended. */
type Gone = (doing: string, how: string) => UserError

interface Waiting {
  readonly session: string | undefined
  readonly doing: string
  resolve(result: Record<string, unknown>): void
  reject(error: Error): void
}

/**
 * The DevTools protocol over a browser's pipes: JSON messages that end in a zero byte, commands answered by their
 * number. A command belongs to the whole browser, or to the session of one tab.
 */
export class DevTools {
  readonly #input: Writable
  readonly #gone: Gone
  readonly #waiting = new Map<number, Waiting>()
  readonly #crashed = new Set<string>()
  #next = 1
  #ended: string | null = null

  constructor(input: Writable, output: Readable, gone: Gone) {
    this.#input = input
    this.#gone = gone
    // Pipes break when the browser ends, which its process tells.
    input.on('error', () => {})
    output.on('error', () => {})
    readMessages(output, (message) => this.#take(message))
  }

  /** Whether nobody is there to answer: the browser ended, or this session's tab crashed. */
  isGone(session?: string): boolean {
    return this.#ended !== null || (session !== undefined && this.#crashed.has(session))
  }

  /** The result of a command. Rejects where the browser or the tab is gone before it answers; `doing` says at what. */
  send(method: string, params: object, doing: string, session?: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#gone(doing, this.#ended))
      if (this.isGone(session)) return reject(this.#gone(doing, 'the tab crashed'))
      const id = this.#next++
      this.#waiting.set(id, { session, doing, resolve, reject })
      this.#input.write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`)
    })
  }

  /** The browser ended: whoever waits hears how, and whoever asks from now on. */
  end(how: string): void {
    this.#ended = how
    for (const { doing, reject } of this.#waiting.values()) reject(this.#gone(doing, how))
    this.#waiting.clear()
  }

  #take(message: Record<string, unknown>): void {
    if (message.method === 'Inspector.targetCrashed') {
      const session = String(message.sessionId)
      this.#crashed.add(session)
      for (const [id, entry] of this.#waiting)
        if (entry.session === session && this.#waiting.delete(id))
          entry.reject(this.#gone(entry.doing, 'the tab crashed'))
    }
    const entry = this.#waiting.get(Number(message.id))
    if (!entry) return
    this.#waiting.delete(Number(message.id))
    const error = message.error as { message: string } | undefined
    if (error) entry.reject(new Error(`internal: the browser refused a command: ${error.message}`))
    else entry.resolve(message.result as Record<string, unknown>)
  }
}

/** Splits what comes through the pipe at its zero bytes. */
function readMessages(output: Readable, deliver: (message: Record<string, unknown>) => void): void {
  let parts: Buffer[] = []
  output.on('data', (chunk: Buffer) => {
    let from = 0
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, from)) {
      const text = Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8')
      parts = []
      from = end + 1
      deliver(JSON.parse(text) as Record<string, unknown>)
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
  })
}
