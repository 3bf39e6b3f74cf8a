import { arrayTypeOf, type DType, type Model, type NumericArray } from '../ir/index.ts'
import { encodeModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { loadError, type NativeSession, type OrtRuntime, runError } from './ort-native.ts'
import type { Tab } from './ort-node-chromium.ts'
import type { PageServer } from './ort-node-page-server.ts'
import { type OrtSessionOptions, webOptions } from './ort-options.ts'
import { MANY_BYTES, type PageFeeds, type PageSession, type PageValue } from './ort-page.ts'
import type { Feeds, Fetched, TensorValue } from './session.ts'

/** Milliseconds after which a page that does not come is given up. */
const LOADING_MS = 60_000

/** A session in a page, whose runs are timed there. */
interface BrowserNative extends NativeSession {
  /** Milliseconds that the page took to load the model. */
  readonly loadMs: number
  time(feeds: Feeds, names: readonly string[], count: number, warm: number): Promise<readonly number[]>
}

/** A tab with the runtime's page in it, which takes models and many bytes from `server`. */
export function pageOf(tab: Tab, server: PageServer) {
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
    session({ id, inputs, outputs, ms }: PageSession, name: string, where: string | undefined): BrowserNative {
      const asUser = (error: unknown) => {
        throw error instanceof UserError ? error : runError(error, name, where)
      }
      const time: BrowserNative['time'] = async (feeds, names, count, warm) =>
        call<readonly number[]>('running the model', 'time', id, await keyOf(feeds), names, count, warm).catch(asUser)
      return {
        inputs,
        outputs,
        loadMs: ms,
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

/** The runtime of a page, which takes models from `server`; `where` names them in messages. */
export function runtimeIn(
  page: ReturnType<typeof pageOf>,
  server: PageServer,
  name: string,
  where: string | undefined,
) {
  return {
    name,
    async open(model: Model, options: OrtSessionOptions, scattered = false) {
      const offered = server.offer(encodeModel(model, { embed: true }))
      try {
        const own = { ...webOptions(options), ...(scattered ? { enableCpuMemArena: false } : {}) }
        const opened = await page.call<PageSession>('loading the model', 'open', offered.url, own).catch((error) => {
          throw error instanceof UserError ? error : loadError(error, name, where)
        })
        return page.session(opened, name, where)
      } finally {
        offered.remove()
      }
    },
  } satisfies OrtRuntime
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
