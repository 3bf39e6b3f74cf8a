import type ort from 'onnxruntime-node'
import type { DType, Model, NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { GRAPH_REFUSED } from './feeds-origin.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import type { Feeds, Fetched, TensorValue } from './session.ts'

/** Element types that the packages of ONNX Runtime have an array for. Any other output type aborts the process in 1.30. */
const CARRIED: ReadonlySet<string> = new Set([
  'float32',
  'float64',
  'float16',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'bool',
  'string',
] satisfies DType[])

/** Whether values of this element type can cross the border of the runtime. */
export const isCarried = (dtype: string): dtype is DType => CARRIED.has(dtype)

/** What the runtime says of an input or output; `type` is undefined for sequences, maps and optionals. */
interface NativePort {
  readonly name: string
  readonly type: string | undefined
  readonly shape: readonly (number | string)[] | undefined
}

/** A session of the runtime itself: no checks, no copies. */
export interface NativeSession {
  readonly inputs: readonly NativePort[]
  readonly outputs: readonly NativePort[]
  /** Feeds in the runtime's own form, so that repeated runs convert once. */
  prepare(feeds: Feeds): unknown
  /** Runs and copies the named outputs out. */
  run(prepared: unknown, names: readonly string[]): Promise<Fetched>
  /** The same uncopied, where the runtime is in this very thread: see `LendingSession`. */
  lend?(prepared: unknown, names: readonly string[]): Promise<Fetched>
  /** Runs and drops the named outputs: what is timed. */
  spin(prepared: unknown, names: readonly string[]): Promise<void>
  endProfiling(): void
  release(): Promise<void>
}

/** A session in this very thread, whose outputs can be looked at where they lie. */
export interface LendingSession extends NativeSession {
  /**
   * Runs and gives the named outputs uncopied: views of the runtime's memory, for whoever passes them on at once. Nobody
   * may write to them, for one may be a weight.
   */
  lend(prepared: unknown, names: readonly string[]): Promise<Fetched>
}

/** A build of ONNX Runtime, wherever it runs. */
export interface OrtRuntime {
  /** The package and its version: `onnxruntime-web 1.30.0`. */
  readonly name: string
  /**
   * Opens a model value. `scattered` is for runs that hand out far more values than inference does: the runtime's arena
   * would keep all of that, in twice the size, for the life of the session.
   */
  open(model: Model, options: OrtSessionOptions, scattered?: boolean): Promise<NativeSession>
}

/** The two classes that every package of the runtime has. */
export type OrtPackage = Pick<typeof ort, 'InferenceSession' | 'Tensor'>
type OrtFeeds = Record<string, ort.Tensor>

/**
 * Creates a session of a package from encoded bytes or a path. `options` are the runtime's own. Throws a UserError where
 * the runtime refuses the model; `name` is what it is called there, `where` the model.
 */
export async function createSession(
  runtime: OrtPackage,
  name: string,
  source: string | Uint8Array,
  options: Readonly<Record<string, unknown>>,
  where: string | undefined,
): Promise<LendingSession> {
  const session = await runtime.InferenceSession.create(source as string, options).catch((error: unknown) => {
    throw loadError(error, name, where)
  })
  const lend: LendingSession['lend'] = async (prepared, names) => {
    const results = await session.run(prepared as OrtFeeds, names as string[]).catch((error: unknown) => {
      throw runError(error, name, where)
    })
    return Object.fromEntries(names.map((name) => [name, fromOrt(results[name] as ort.Tensor)]))
  }
  return {
    inputs: session.inputMetadata.map(portOf),
    outputs: session.outputMetadata.map(portOf),
    prepare: (feeds) => toOrtFeeds(runtime, feeds),
    lend,
    run: async (prepared, names) =>
      Object.fromEntries(Object.entries(await lend(prepared, names)).map(([name, value]) => [name, copied(value)])),
    async spin(prepared, names) {
      try {
        await session.run(prepared as OrtFeeds, names as string[])
      } catch (error) {
        throw runError(error, name, where)
      }
    },
    endProfiling: () => session.endProfiling(),
    release: () => session.release(),
  }
}

function portOf(metadata: ort.InferenceSession.ValueMetadata): NativePort {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: undefined, shape: undefined }
}

function toOrtFeeds(runtime: OrtPackage, feeds: Feeds): OrtFeeds {
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toOrt(runtime, name, value)]))
}

function toOrt(runtime: OrtPackage, name: string, value: TensorValue): ort.Tensor {
  const { data } = value
  // The runtime reads the array's memory in place, and cannot where it is shared between threads.
  const own = ArrayBuffer.isView(data) && !(data.buffer instanceof ArrayBuffer) ? data.slice() : data
  // Where Float16Array exists (Node 24), the Tensor class turns the bits into one, which the native side of 1.30
  // refuses; the native side itself only reads these four fields.
  if (value.dtype === 'float16') return { type: 'float16', dims: value.dims, data: own, location: 'cpu' } as ort.Tensor
  try {
    return new runtime.Tensor(value.dtype as 'float32', own as Float32Array, value.dims)
  } catch (cause) {
    throw new UserError('bad-data', `Input "${name}": ${(cause as Error).message}`, { where: name, cause })
  }
}

function fromOrt(tensor: ort.Tensor): TensorValue {
  const data = tensor.data
  if (tensor.type === 'float16') {
    const view = data as Uint16Array
    const bits = new Uint16Array(view.buffer as ArrayBuffer, view.byteOffset, view.length)
    return { dtype: 'float16', dims: [...tensor.dims], data: bits }
  }
  return { dtype: tensor.type, dims: [...tensor.dims], data: data as NumericArray }
}

// Since 1.30 an output may be a view of the runtime's memory, even of a weight: whoever keeps it gets a copy.
const copied = (value: TensorValue): TensorValue => ({ ...value, data: value.data.slice() as NumericArray })

/** What the runtime's refusal of a model means for the user. */
export function loadError(error: unknown, name: string, where: string | undefined): UserError {
  const said = error instanceof Error ? error.message : String(error)
  // The runtime tells the path that it read, often a temporary one; `where` is the name that the user knows.
  const text = said.replace(/^Load model from .+? failed: ?/, '')
  const outside = /Cannot parse data from external tensors/.test(text)
  const detail = { ...(where === undefined ? {} : { where }), cause: error }
  const unsupported =
    /not implemented|could not find an implementation|NOT_IMPLEMENTED|is not a registered function|Unsupported data type|opset/i
  if (/bad_alloc|Failed to allocate|out of memory/i.test(text))
    return new UserError('out-of-resources', `${name} ran out of memory while it loaded the model.`, {
      ...detail,
      hint: 'Close other programs or use a machine with more memory.',
    })
  return new UserError(unsupported.test(text) ? 'unsupported' : 'bad-model', `${name} refused the model: ${text}`, {
    ...detail,
    hint: unsupported.test(text)
      ? 'The model needs an operator or type that this runtime does not have.'
      : outside
        ? 'Its shapes lie in another file, where the runtime does not read them: whet simplify writes it with its small tensors inside.'
        : 'It cannot run here as it is: mend what the runtime names where the model is made, and export it again.',
  })
}

/** What the runtime's refusal of a run means for the user. */
export function runError(error: unknown, name: string, where: string | undefined): Error {
  const text = error instanceof Error ? error.message : String(error)
  const detail = { ...(where === undefined ? {} : { where }), cause: error }
  if (/bad_alloc|Failed to allocate/i.test(text))
    return new UserError('out-of-resources', `${name} ran out of memory in a run.`, {
      ...detail,
      hint: 'Use fewer rows at a time.',
    })
  // A Slice that no file has: the runtime makes one of Range and Gather, and takes lists of one for the scalars of a Range
  // until it runs (onnxruntime issue 26788).
  if (/running Slice node\b.* must be a 1-D array/s.test(text))
    return new UserError('bad-model', `${name} could not run the model: ${text}`, {
      ...detail,
      hint: 'Where the model has no such Slice, the runtime made it of a Range and a Gather: start, limit and step of a Range must be scalars (shape []), and here one is a list. Mend that where the model is made, and export it again; the rows are not to blame.',
    })
  // As dilations beside auto_pad: the runtime takes the graph, and fails at it in every run.
  if (/not supported|not implemented/i.test(text))
    return new UserError('bad-data', `${name} could not run the model: ${text}`, {
      ...detail,
      hint: GRAPH_REFUSED,
    })
  return new UserError('bad-data', `${name} could not run the model on these inputs: ${text}`, {
    ...detail,
    hint: 'The shapes or values of the inputs do not fit what the model computes.',
  })
}
