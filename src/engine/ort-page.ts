import type { OrtPackage } from './ort-native.ts'

/** A value on its way into or out of a page: elements as base64, or strings as they are. */
export interface PageValue {
  readonly dtype: string
  readonly dims: readonly number[]
  readonly base64?: string
  readonly strings?: readonly string[]
}

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

export interface PageRuntime {
  open(url: string, options: object): Promise<PageSession>
  /** Keeps feeds for later runs, under a number. */
  prepare(feeds: Readonly<Record<string, PageValue>>): number
  run(id: number, feeds: number, names: readonly string[]): Promise<Record<string, PageValue>>
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
): PageRuntime {
  ort.env.wasm.numThreads = threads
  const sessions = new Map<number, Awaited<ReturnType<typeof ort.InferenceSession.create>>>()
  const prepared = new Map<number, Record<string, InstanceType<typeof ort.Tensor>>>()
  /** What the clock counts in. */
  const stepMs = 0.005
  let next = 1
  let started: Promise<unknown> | undefined
  const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  const base64Of = (bytes: Uint8Array) => {
    let text = ''
    for (let at = 0; at < bytes.length; at += 32768)
      text += String.fromCharCode(...Array.from(bytes.subarray(at, at + 32768)))
    return btoa(text)
  }
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
  const tensorOf = ({ dtype, dims, base64, strings }: PageValue) => {
    if (strings) return new ort.Tensor('string', [...strings], [...dims])
    const data = new arrays[dtype]!(bytesOf(base64 ?? '').buffer)
    if (dtype === 'float16')
      return { type: dtype, dims, data, location: 'cpu' } as unknown as InstanceType<typeof ort.Tensor>
    return new ort.Tensor(dtype as 'float32', data as Float32Array, [...dims])
  }
  const pageValueOf = (tensor: InstanceType<typeof ort.Tensor>): PageValue => {
    const { type: dtype, dims } = tensor
    const data = tensor.data as unknown as Uint8Array | string[]
    return Array.isArray(data)
      ? { dtype, dims, strings: data }
      : { dtype, dims, base64: base64Of(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) }
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
    prepare(feeds) {
      prepared.clear()
      prepared.set(next, Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensorOf(value)])))
      return next++
    },
    async run(id, feeds, names) {
      const results = await sessions.get(id)!.run(prepared.get(feeds)!, [...names])
      return Object.fromEntries(names.map((name) => [name, pageValueOf(results[name]!)]))
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
