import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { UserError } from '../platform/index.ts'

/** A tab of a browser, in which expressions can be evaluated. */
export interface Tab {
  /** The JSON value of an expression, promises awaited. Rejects with the page's own message, or where the tab dies. */
  evaluate(expression: string, doing: string): Promise<unknown>
  close(): Promise<void>
}

export interface Browser {
  /** `Chrome/156.0.8078.79`. */
  readonly product: string
  readonly pid: number
  openTab(url: string): Promise<Tab>
  stop(): Promise<void>
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge']
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'

/** The Chromium or Chrome of this machine: `wanted` as a path or a name on the PATH, `auto` for the first found; or null. */
export function findChromium(wanted = 'auto'): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const names = wanted === 'auto' ? NAMES : [wanted]
  const paths = names.flatMap((name) =>
    isAbsolute(name) || name.includes('/') ? [name] : folders.map((folder) => join(folder, name)),
  )
  return [...paths, ...(wanted === 'auto' ? [MAC] : [])].find(runnable) ?? null
}

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const FLAGS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-first-run',
  '--disable-gpu',
  '--disable-extensions',
  // A tab that nobody looks at would be slowed down.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
]

interface Waiting {
  readonly session: string | undefined
  readonly doing: string
  resolve(result: Record<string, unknown>): void
  reject(error: Error): void
}

/**
 * Starts a headless browser that is driven through a pipe (the DevTools protocol: JSON messages that end in a zero
 * byte), with a profile of its own that goes away with it.
 *
 * @throws UserError `unsupported` where it does not start.
 */
export async function startChromium(path: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'whetstone-browser-'))
  // The sandbox of Chromium refuses to work for root, as containers often are.
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const child = spawn(path, [...FLAGS, ...root, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const waiting = new Map<number, Waiting>()
  const crashed = new Set<string>()
  let next = 1
  let dead: string | null = null
  const gone = (doing: string, how: string) =>
    new UserError('unsupported', `The browser ended (${how}) while ${doing}.`, {
      where: path,
      hint: 'See that it starts by hand with --headless, or name another with --browser PATH.',
    })
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      if (dead !== null) return
      dead = how
      process.off('exit', kill)
      for (const { doing, reject } of waiting.values()) reject(gone(doing, how))
      waiting.clear()
      try {
        rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
      } catch {
        // A process of the browser outlives it for a moment and still writes there: a stray folder among temporary
        // ones, where throwing would end this process.
      }
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  })
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  input.on('error', () => {})
  output.on('error', () => {})
  readMessages(output, (message) => {
    if (message.method === 'Inspector.targetCrashed') {
      const session = String(message.sessionId)
      crashed.add(session)
      for (const [id, entry] of waiting)
        if (entry.session === session && waiting.delete(id)) entry.reject(gone(entry.doing, 'the tab crashed'))
    }
    const entry = waiting.get(Number(message.id))
    if (!entry) return
    waiting.delete(Number(message.id))
    const error = message.error as { message: string } | undefined
    if (error) entry.reject(new Error(`internal: the browser refused a command: ${error.message}`))
    else entry.resolve(message.result as Record<string, unknown>)
  })
  const send = (method: string, params: object, doing: string, session?: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      if (dead !== null) return reject(gone(doing, dead))
      if (session !== undefined && crashed.has(session)) return reject(gone(doing, 'the tab crashed'))
      const id = next++
      waiting.set(id, { session, doing, resolve, reject })
      input.write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`)
    })
  const { product } = await send('Browser.getVersion', {}, 'starting')
  return {
    product: String(product),
    pid: (child as ChildProcess).pid ?? -1,
    async openTab(url) {
      const { targetId } = await send('Target.createTarget', { url }, 'opening a page')
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true }, 'opening a page')
      const session = String(sessionId)
      await send('Inspector.enable', {}, 'opening a page', session)
      return {
        async evaluate(expression, doing) {
          const params = { expression, awaitPromise: true, returnByValue: true }
          const { result, exceptionDetails } = (await send('Runtime.evaluate', params, doing, session)) as {
            result: { value?: unknown }
            exceptionDetails?: { text: string; exception?: { description?: string; value?: unknown } }
          }
          if (exceptionDetails) {
            const { exception, text } = exceptionDetails
            throw new Error(exception?.description ?? String(exception?.value ?? text))
          }
          return result.value
        },
        async close() {
          if (dead === null && !crashed.has(session)) await send('Target.closeTarget', { targetId }, 'closing a page')
        },
      }
    },
    async stop() {
      kill()
      await ended
    },
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
