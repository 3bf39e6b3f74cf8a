import type { Model, Tensor } from '../ir/index.ts'
import {
  type Content,
  FileSource,
  folderOf,
  listFolder,
  nameOf,
  readFileBytes,
  realFolderOf,
  UserError,
  writeFilesAtomic,
} from '../platform/index.ts'
import { decodeModel } from './decode-model.ts'
import { type Placement, plainContext } from './encode-context.ts'
import { encodePieces, MOST_BYTES } from './encode-model.ts'
import { hintForFolder, joined } from './foreign-format.ts'
import { flatten, rangeChunks } from './pieces.ts'

/**
 * Reads an ONNX file: its bytes once into one buffer that the weights are slices of; external data when it is needed.
 * UserError `missing-file` where the file cannot be read, `bad-model` where it is not a well-formed ONNX model.
 */
export async function readModel(path: string): Promise<Model> {
  const bytes = await readFileBytes(path).catch(async (error: unknown) => {
    throw await explainFolder(path, error)
  })
  const model = decodeModel(bytes, { baseDir: folderOf(path), homeDir: realFolderOf(path), path })
  filesOf.set(model, path)
  return model
}

/** The files of models that were read from one: what a pass makes of such a model is another value, and has none. */
const filesOf = new WeakMap<Model, string>()

/** How a message names a model: by the file that it was read from, else by its graph; undefined where that has no name. */
export function placeOf(model: Model): string | undefined {
  const { name } = model.graph
  return filesOf.get(model) ?? (name ? `graph "${name}"` : undefined)
}

/** Where the model is a folder, what to do with it; any other error as it is. */
async function explainFolder(path: string, error: unknown): Promise<unknown> {
  if (!(error instanceof UserError) || (error.cause as { code?: unknown } | undefined)?.code !== 'EISDIR') return error
  const names = (await listFolder(path)).map(({ name }) => name).filter((name) => !isEmptyModel(joined(path, name)))
  return new UserError(error.code, error.message, {
    where: path,
    hint: hintForFolder(path, names),
    cause: error.cause,
  })
}

/** A file of no bytes with the name of a model, such as one whose export failed: it is none to propose. */
function isEmptyModel(path: string): boolean {
  if (!path.endsWith('.onnx')) return false
  try {
    return new FileSource(path).byteLength === 0
  } catch (error) {
    if (error instanceof UserError) return true
    throw error
  }
}

export interface WriteOptions {
  /** Weights into `NAME.data` beside the model; by default only where the file would pass 2 GiB. */
  readonly externalData?: boolean
  /** The file that such weights go into instead, in the same folder. */
  readonly dataPath?: string
  /** Flushed to disk before it takes its name; true by default. For files that do not outlive the process. */
  readonly lasting?: boolean
}

/** Tensors below this size (bytes) stay in the file: runtimes read shapes and axes while they load. */
const EXTERNAL_FROM = 1 << 10
/** Large weights begin on a multiple of 64 KiB, so that every system can map them into memory; small ones of 64 bytes. */
const MAPPED_FROM = 1 << 20
const alignment = (byteLength: number) => (byteLength >= MAPPED_FROM ? 1 << 16 : 64)

/**
 * Writes a model as a file that stands alone (weights that lived elsewhere are put into it), or, above 2 GiB or on
 * demand, as a file with its weights in `NAME.data` beside it. Streams; on an error nothing is left behind and what
 * was there stays. UserError `unwritable` or `out-of-resources`.
 *
 * @returns Whether weights stand in the file beside it.
 */
export async function writeModel(model: Model, path: string, options: WriteOptions = {}): Promise<boolean> {
  const whole = encodePieces(
    model,
    plainContext(() => 'embed'),
  )
  if (!options.externalData && whole.byteLength <= MOST_BYTES) {
    await writeFilesAtomic([[path, flatten(whole)]], options)
    return false
  }
  const { dataPath = `${path}.data` } = options
  const layout = new DataLayout(nameOf(dataPath))
  const pieces = encodePieces(
    model,
    plainContext((tensor) => layout.place(tensor)),
  )
  await writeFilesAtomic(
    [...(layout.byteLength > 0 ? [[dataPath, layout.chunks()] as [string, Content]] : []), [path, flatten(pieces)]],
    options,
  )
  return layout.byteLength > 0
}

/** Gives each tensor its place in the data file; the same tensor twice gets one place. */
class DataLayout {
  byteLength = 0
  readonly #location: string
  readonly #places = new Map<Tensor['data'], Placement>()
  readonly #parts: { at: number; data: Tensor['data'] }[] = []

  constructor(location: string) {
    this.#location = location
  }

  place(tensor: Tensor): Placement {
    const { data } = tensor
    if (data.form === 'strings' || data.bytes.byteLength < EXTERNAL_FROM) return 'embed'
    const known = this.#places.get(data)
    if (known) return known
    const step = alignment(data.bytes.byteLength)
    const at = Math.ceil(this.byteLength / step) * step
    this.#parts.push({ at, data })
    this.byteLength = at + data.bytes.byteLength
    const entries = [
      ['location', this.#location],
      ['offset', String(at)],
      ['length', String(data.bytes.byteLength)],
    ] as const
    this.#places.set(data, entries)
    return entries
  }

  *chunks(): Generator<Uint8Array> {
    let written = 0
    for (const { at, data } of this.#parts) {
      if (data.form === 'strings') continue
      if (at > written) yield new Uint8Array(at - written)
      yield* rangeChunks(data.bytes)
      written = at + data.bytes.byteLength
    }
  }
}
