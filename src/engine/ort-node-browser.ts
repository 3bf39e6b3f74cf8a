import { arrayTypeOf, type DType, type Model, type NumericArray } from '../ir/index.ts'
import { encodeModel, readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { checkFeeds } from './feeds.ts'
import type { IsolatedSession } from './isolation.ts'
import { insideOf } from './ort-inner-session.ts'
import { isCarried, loadError, type NativeSession, type OrtRuntime, runError } from './ort-native.ts'
import { type Browser, findChromium, startChromium, type Tab } from './ort-node-chromium.ts'
import type { PageServer } from './ort-node-page-server.ts'
import { type OrtSessionOptions, threadsOf, webOptions } from './ort-options.ts'
import { MANY_BYTES, type PageFeeds, type PageSession, type PageValue } from './ort-page.ts'
import { sessionOver } from './ort-session.ts'
import { requireWeb } from './ort-web.ts'
import { portsOf } from './ports.ts'
import type { Feeds, Fetched, TensorValue } from './session.ts'

/** Milliseconds after which a page that does not come is given up. */
const LOADING_MS = 60_000

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
    let loadMs = 0
    const runtime: OrtRuntime = {
      name,
      async open(changed, asked, scattered = false) {
        const offered = entry.server.offer(encodeModel(changed, { embed: true }))
        const where = typeof model === 'string' ? model : undefined
        try {
          const own = { ...webOptions(asked), ...(scattered ? { enableCpuMemArena: false } : {}) }
          const opened = await page.call<PageSession>('loading the model', 'open', offered.url, own).catch((error) => {
            throw error instanceof UserError ? error : loadError(error, name, where)
          })
          if (!scattered) loadMs = opened.ms
          return page.session(opened, name, where)
        } finally {
          offered.remove()
        }
      },
    }
    const native = (await runtime.open(known, options)) as BrowserNative
    const session = sessionOver(runtime, native, ports, insideOf(known), options)
    const names = session.outputs.map((output) => output.name)
    const unable = (what: string) =>
      new UserError('unsupported', `${what} cannot be measured in a browser.`, {
        where: '--browser',
        hint: 'Leave out --browser: the same runtime is then measured in a process of its own.',
      })
    let firstMs: number | null = null
    let closed = false
    return {
      ...session,
      loadMs,
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

interface BrowserNative extends NativeSession {
  time(feeds: Feeds, names: readonly string[], count: number, warm: number): Promise<readonly number[]>
}

function pageOf(tab: Tab, server: PageServer) {
  let sent: { readonly feeds: unknown; readonly key: number } | null = null
  const call = <T>(doing: string, method: string, ...parameters: readonly unknown[]) =>
    tab.evaluate(
      `whetstone.${method}(${parameters.map((value) => JSON.stringify(value)).join(',')})`,
      doing,
    ) as Promise<T>
  /** Many bytes go over the server as the model does: written into an expression, a picture takes a tenth of a second. */
  async function offering<T>(
    feeds: Feeds,
    use: (url: string, feeds: PageFeeds, answer: () => Uint8Array) => Promise<T>,
  ): Promise<T> {
    const { bytes, values } = packed(feeds)
    const few = bytes.byteLength < MANY_BYTES
    const offered = server.offer(bytes)
    try {
      return await use(offered.url, few ? { base64: bytes.toString('base64'), values } : { values }, offered.bytes)
    } finally {
      offered.remove()
    }
  }
  const keyOf = async (feeds: Feeds): Promise<number> => {
    if (sent?.feeds === feeds) return sent.key
    const key = await offering(feeds, (url, values) => call<number>('taking the inputs', 'prepare', url, values))
    sent = { feeds, key }
    return key
  }
  return {
    call,
    /** Waits for the page's script; before the page is there, a tab can evaluate nothing. */
    async ready() {
      const until = performance.now() + LOADING_MS
      for (;;) {
        const there = await tab
          .evaluate('typeof globalThis.whetstone', 'opening a page')
          .then((type) => type === 'object')
          .catch((error: unknown) => {
            if (error instanceof UserError) throw error
            return false
          })
        if (there) return
        if (performance.now() > until)
          throw new UserError('unsupported', 'The page with the runtime did not load in the browser.', {
            where: '--browser',
            hint: 'See whether the browser may reach 127.0.0.1 and is not older than a few years.',
          })
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    session({ id, inputs, outputs }: PageSession, name: string, where: string | undefined): BrowserNative {
      const asUser = (error: unknown) => {
        throw error instanceof UserError ? error : runError(error, name, where)
      }
      const time: BrowserNative['time'] = async (feeds, names, count, warm) =>
        call<readonly number[]>('running the model', 'time', id, await keyOf(feeds), names, count, warm).catch(asUser)
      return {
        inputs,
        outputs,
        // What the caller does to its arrays later must not reach a run, and what is the same need not travel again.
        prepare: (feeds) => feeds,
        run: (prepared, names) =>
          offering(prepared as Feeds, async (url, feeds, answer) => {
            const running = call<PageFeeds>('running the model', 'run', id, url, feeds, names)
            const { base64, values } = await running.catch(asUser)
            const all = base64 === undefined ? answer() : Buffer.from(base64, 'base64')
            const entries = Object.entries(values).map(([name, value]) => [name, fromPage(all, value)])
            return Object.fromEntries(entries) as Fetched
          }),
        async spin(prepared, names) {
          await time(prepared as Feeds, names, 1, 0)
        },
        time,
        endProfiling() {},
        release: () => call<void>('releasing the model', 'release', id).then(() => {}),
      }
    },
  }
}

/** Feeds as one piece of bytes, and where in it each of them lies. */
function packed(feeds: Feeds): { readonly bytes: Buffer; readonly values: PageFeeds['values'] } {
  const parts: Uint8Array[] = []
  let end = 0
  const place = ({ dtype, dims, data }: TensorValue) => {
    if (!ArrayBuffer.isView(data)) return { dtype, dims, strings: data }
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    const from = end
    end += data.byteLength
    return { dtype, dims, bytes: [from, end] as const }
  }
  const values = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, place(value)]))
  return { bytes: Buffer.concat(parts), values }
}

function fromPage(all: Uint8Array, { dtype, dims, bytes, strings }: PageValue): TensorValue {
  if (strings) return { dtype: dtype as DType, dims, data: strings }
  const Type = arrayTypeOf(dtype as DType) as new (buffer: ArrayBufferLike) => NumericArray
  return { dtype: dtype as DType, dims, data: new Type(new Uint8Array(all.subarray(...bytes!)).buffer) }
}
