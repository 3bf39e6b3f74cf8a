import type { Model } from '../ir/index.ts'
import { readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { checkFeeds } from './feeds.ts'
import type { IsolatedSession } from './isolation.ts'
import { insideOf } from './ort-inner-session.ts'
import { isCarried } from './ort-native.ts'
import { type Browser, findChromium, startChromium, type Tab } from './ort-node-chromium.ts'
import { pageOf, runtimeIn } from './ort-node-page.ts'
import type { PageServer } from './ort-node-page-server.ts'
import { type OrtSessionOptions, threadsOf } from './ort-options.ts'
import { sessionOver } from './ort-session.ts'
import { requireWeb } from './ort-web.ts'
import { portsOf } from './ports.ts'

interface Running {
  readonly browser: Browser
  readonly server: PageServer
  sessions: number
}

/** One browser for all sessions that are open at a time, by its path. */
const running = new Map<string, Promise<Running>>()

/**
 * The browser that is meant and what runs in it, for reports: `onnxruntime-web 1.30.0 in Chrome/156.0.8078.79`.
 *
 * @throws UserError `unsupported` where there is no such browser, or no onnxruntime-web.
 */
export async function browserRuntime(wanted: string): Promise<string> {
  const { entry, leave } = await enter(pathOf(wanted))
  try {
    return nameOf(await requireWeb(), entry)
  } finally {
    await leave()
  }
}

/**
 * Opens a model, by path or as a value, in a tab of a headless browser. Runs are timed inside the page, whose clock
 * counts in steps of 5 µs. What a tab takes of memory is not told.
 */
export async function openInBrowser(
  model: Model | string,
  options: OrtSessionOptions = {},
  wanted = 'auto',
): Promise<IsolatedSession> {
  const web = await requireWeb()
  const known = typeof model === 'string' ? await readModel(model) : model
  const threads = threadsOf(options)
  const { entry, leave } = await enter(pathOf(wanted))
  const name = nameOf(web, entry)
  let tab: Tab | undefined
  try {
    const ports = portsOf(known, isCarried, name)
    tab = await entry.browser.openTab(entry.server.pageUrl(threads))
    const page = pageOf(tab, entry.server)
    await page.ready()
    const runtime = runtimeIn(page, entry.server, name, typeof model === 'string' ? model : undefined)
    const native = await runtime.open(known, options)
    const session = sessionOver(runtime, native, ports, insideOf(known), options)
    const names = session.outputs.map((output) => output.name)
    let firstMs: number | null = null
    let closed = false
    return {
      ...session,
      loadMs: native.loadMs,
      pid: entry.browser.pid,
      unpinned: 'a browser chooses itself where its tabs run',
      kernels: null,
      get firstMs() {
        return firstMs
      },
      async timeRuns(feeds, count, warm = 0) {
        checkFeeds(session.inputs, feeds)
        const whole = firstMs === null ? 1 : 0
        const ms = await native.time(feeds, names, count + whole, Math.max(0, warm - whole))
        if (whole > 0) firstMs = ms[0]!
        return Float64Array.from(ms.slice(whole), (value) => value * 1e6)
      },
      timeArrivals: () => Promise.reject(unable('A schedule of queries')),
      allocations: () => Promise.reject(unable('What a run takes from the system')),
      peakMemory: async () => ({ bytes: null, how: 'browsers do not tell what a page takes' }),
      async close() {
        if (closed) return
        closed = true
        await session.close().catch(() => {})
        await tab?.close().catch(() => {})
        await leave()
      },
    }
  } catch (error) {
    await tab?.close().catch(() => {})
    await leave()
    throw error
  }
}

const unable = (what: string) =>
  new UserError('unsupported', `${what} cannot be measured in a browser.`, {
    where: '--browser',
    hint: 'Leave out --browser: the same runtime is then measured in a process of its own.',
  })

const nameOf = (web: string, { browser }: Running) => `${web} in ${browser.product}`

function pathOf(wanted: string): string {
  const path = findChromium(wanted)
  if (path === null)
    throw new UserError(
      'unsupported',
      wanted === 'auto' ? 'There is no Chromium here.' : `There is no browser ${wanted}.`,
      {
        where: '--browser',
        hint: 'Install Chromium or Chrome, or name its program with --browser PATH.',
      },
    )
  return path
}

async function enter(path: string): Promise<{ entry: Running; leave(): Promise<void> }> {
  let starting = running.get(path)
  if (!starting) {
    starting = start(path)
    running.set(path, starting)
    starting.catch(() => running.delete(path))
  }
  const entry = await starting
  entry.sessions++
  let left = false
  return {
    entry,
    async leave() {
      if (left) return
      left = true
      if (--entry.sessions > 0) return
      if (running.get(path) === starting) running.delete(path)
      await entry.browser.stop()
      await entry.server.stop()
    },
  }
}

async function start(path: string): Promise<Running> {
  // Loaded when asked for: no other place needs a server, whose modules take Node a few milliseconds.
  const { startPageServer } = await import('./ort-node-page-server.ts')
  const server = await startPageServer()
  try {
    return { server, browser: await startChromium(path), sessions: 0 }
  } catch (error) {
    await server.stop()
    throw error
  }
}
