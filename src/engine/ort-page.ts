import type { OrtPackage } from './ort-native.ts'

/** A value on its way into or out of a page: where its elements lie among the bytes of all, or strings as they are. */
export interface PageValue {
  readonly dtype: string
  readonly dims: readonly number[]
  /** First byte, and the one behind the last. */
  readonly bytes?: readonly [number, number]
  readonly strings?: readonly string[]
}

/**
 * Inputs or outputs. Few bytes come along as base64; many lie at the address that comes with the inputs, where those of
 * the outputs are put in their place: a request takes some milliseconds, a megabyte of base64 a hundred.
 */
export interface PageFeeds {
  readonly base64?: string
  readonly values: Readonly<Record<string, PageValue>>
}

/** From so many bytes on, values do not come along. */
export const MANY_BYTES = 16 * 1024

/** A model that is open in the page, and how long that took. */
export interface PageSession {
  readonly id: number
  readonly ms: number
  readonly inputs: readonly PagePort[]
  readonly outputs: readonly PagePort[]
}
interface PagePort {
  readonly name: string
  readonly type: string | undefined
  readonly shape: readonly (number | string)[] | undefined
}

interface PageRuntime {
  open(url: string, options: object): Promise<PageSession>
  /** Keeps feeds for runs that are timed, under a number. */
  prepare(url: string, feeds: PageFeeds): Promise<number>
  run(id: number, url: string, feeds: PageFeeds, names: readonly string[]): Promise<PageFeeds>
  /**
   * Milliseconds of each run after `warm` untimed ones. Runs shorter than a hundred steps of the clock are timed several
   * at a time, and each is given their mean: one by one, 70 and 74 µs would be the same number.
   */
  time(id: number, feeds: number, names: readonly string[], count: number, warm: number): Promise<readonly number[]>
  release(id: number): Promise<void>
}

/**
 * What a page does with the runtime. The function travels as its own text, so it uses nothing from around it; `ort` is
 * the package as the page imported it.
 */
export function pageRuntime(
  ort: OrtPackage & { env: { wasm: { numThreads?: number } } },
  threads: number,
  manyBytes: number,
): PageRuntime {
  ort.env.wasm.numThreads = threads
  const sessions = new Map<number, Awaited<ReturnType<typeof ort.InferenceSession.create>>>()
  const prepared = new Map<number, Record<string, InstanceType<typeof ort.Tensor>>>()
  /** What the clock counts in. */
  const stepMs = 0.005
  let next = 1
  let started: Promise<unknown> | undefined
  const arrays: Record<string, new (buffer: ArrayBuffer) => ArrayBufferView> = {
    float32: Float32Array,
    float64: Float64Array,
    float16: Uint16Array,
    uint8: Uint8Array,
    int8: Int8Array,
    uint16: Uint16Array,
    int16: Int16Array,
    int32: Int32Array,
    uint32: Uint32Array,
    int64: BigInt64Array,
    uint64: BigUint64Array,
    bool: Uint8Array,
  }
  const tensorOf = (all: ArrayBuffer, { dtype, dims, bytes, strings }: PageValue) => {
    if (strings) return new ort.Tensor('string', [...strings], [...dims])
    const data = new arrays[dtype]!(all.slice(...(bytes as [number, number])))
    if (dtype === 'float16') return { type: dtype, dims, data, location: 'cpu' } as InstanceType<typeof ort.Tensor>
    return new ort.Tensor(dtype as 'float32', data as Float32Array, [...dims])
  }
  const tensorsOf = async (url: string, { base64, values }: PageFeeds) => {
    const all =
      base64 === undefined
        ? await (await fetch(url)).arrayBuffer()
        : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tensorOf(all, value)]))
  }
  /** Outputs, with their bytes or with these put at an address. */
  const handedOut = async (url: string, results: Readonly<Record<string, InstanceType<typeof ort.Tensor>>>) => {
    const parts: Uint8Array<ArrayBuffer>[] = []
    let end = 0
    const place = ({ type: dtype, dims, data }: InstanceType<typeof ort.Tensor>): PageValue => {
      if (Array.isArray(data)) return { dtype, dims, strings: data }
      const { buffer, byteOffset, byteLength } = data as Uint8Array<ArrayBuffer>
      parts.push(new Uint8Array(buffer, byteOffset, byteLength))
      const from = end
      end += byteLength
      return { dtype, dims, bytes: [from, end] }
    }
    const values = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, place(tensor)]))
    const all = new Blob(parts)
    if (end < manyBytes)
      return { base64: btoa(String.fromCharCode(...new Uint8Array(await all.arrayBuffer()))), values }
    await fetch(url, { method: 'POST', body: all })
    return { values }
  }
  const portOf = (port: { name: string; isTensor: boolean; type?: string; shape?: readonly (number | string)[] }) => ({
    name: port.name,
    type: port.isTensor ? port.type : undefined,
    shape: port.isTensor ? port.shape : undefined,
  })
  return {
    async open(url, options) {
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer())
      // A model of no bytes starts WebAssembly and is then refused: what starting costs is not the model's.
      started ??= ort.InferenceSession.create(new Uint8Array(1)).catch(() => {})
      await started
      const start = performance.now()
      const session = await ort.InferenceSession.create(bytes, options)
      const ms = performance.now() - start
      sessions.set(next, session)
      return { id: next++, ms, inputs: session.inputMetadata.map(portOf), outputs: session.outputMetadata.map(portOf) }
    },
    async prepare(url, feeds) {
      const tensors = await tensorsOf(url, feeds)
      prepared.clear()
      prepared.set(next, tensors)
      return next++
    },
    async run(id, url, feeds, names) {
      const results = await sessions.get(id)!.run(await tensorsOf(url, feeds), [...names])
      return handedOut(url, Object.fromEntries(names.map((name) => [name, results[name]!])))
    },
    async time(id, feeds, names, count, warm) {
      const [session, values, fetch] = [sessions.get(id)!, prepared.get(feeds)!, [...names]]
      for (let i = 0; i < warm; i++) await session.run(values, fetch)
      const ms: number[] = []
      let together = 1
      while (ms.length < count) {
        const runs = Math.min(together, count - ms.length)
        const start = performance.now()
        for (let i = 0; i < runs; i++) await session.run(values, fetch)
        const each = (performance.now() - start) / runs
        for (let i = 0; i < runs; i++) ms.push(each)
        together = Math.ceil((100 * stepMs) / Math.max(each, stepMs))
      }
      return ms
    },
    async release(id) {
      await sessions.get(id)?.release()
      sessions.delete(id)
    },
  }
}
