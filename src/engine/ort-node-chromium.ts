import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { UserError } from '../platform/index.ts'
import { DevTools } from './ort-node-devtools.ts'

/** A tab of a browser, in which expressions can be evaluated. */
export interface Tab {
  /** The JSON value of an expression, promises awaited. Rejects with the page's own message, or where the tab dies. */
  evaluate(expression: string, doing: string): Promise<unknown>
  close(): Promise<void>
}

/** A browser without a window, with a profile of its own. */
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
export function findChromium(wanted: string): string | null {
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
  // By itself a browser asks its maker's servers for the time, accounts, dictionaries and updates. Here it finds nothing
  // but this machine: no name is looked up, and no proxy of the environment is asked instead.
  '--disable-background-networking',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  // A tab that nobody looks at would be slowed down.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
]

/**
 * Starts a headless browser that is driven through pipes, with a profile of its own that goes away with it. It reaches
 * nothing but 127.0.0.1.
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
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  const tools = new DevTools(input, output, (doing, how) => goneFrom(path, doing, how))
  const ended = endOf(child).then((how) => {
    process.off('exit', kill)
    tools.end(how)
    removeProfile(profile)
  })
  const { product } = await tools.send('Browser.getVersion', {}, 'starting')
  return {
    product: String(product),
    pid: child.pid ?? -1,
    openTab: (url) => openTab(tools, url),
    async stop() {
      kill()
      await ended
    },
  }
}

const goneFrom = (path: string, doing: string, how: string) =>
  new UserError('unsupported', `The browser ended (${how}) while ${doing}.`, {
    where: path,
    hint: 'See that it starts by hand with --headless, or name another with --browser PATH.',
  })

/** How a process ended, or why it never began. */
const endOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })

function removeProfile(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  } catch {
    // A process of the browser outlives it for a moment and still writes there: a stray folder among temporary ones,
    // where throwing would end this process.
  }
}

async function openTab(tools: DevTools, url: string): Promise<Tab> {
  const { targetId } = await tools.send('Target.createTarget', { url }, 'opening a page')
  const { sessionId } = await tools.send('Target.attachToTarget', { targetId, flatten: true }, 'opening a page')
  const session = String(sessionId)
  await tools.send('Inspector.enable', {}, 'opening a page', session)
  return {
    async evaluate(expression, doing) {
      const params = { expression, awaitPromise: true, returnByValue: true }
      const { result, exceptionDetails } = (await tools.send('Runtime.evaluate', params, doing, session)) as {
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
      if (!tools.isGone(session)) await tools.send('Target.closeTarget', { targetId }, 'closing a page')
    },
  }
}
