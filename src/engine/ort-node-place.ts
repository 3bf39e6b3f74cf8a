import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { externalLocations, type Model } from '../ir/index.ts'

/** A folder under the system's temporary folder that goes away by `remove`, or with the process. */
interface TemporaryFolder {
  readonly path: string
  remove(): void
}

const open = new Set<string>()
let watching = false

/** A new one, which only this user can read. */
export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'whetstone-'))
  open.add(path)
  if (!watching) {
    watching = true
    process.once('exit', () => {
      for (const folder of open) removeQuietly(folder)
    })
  }
  return {
    path,
    remove() {
      // Windows keeps mapped files: what cannot go now goes when the process ends.
      if (removeQuietly(path)) open.delete(path)
    },
  }
}

function removeQuietly(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true })
    return true
  } catch {
    return false
  }
}

/** A model where the runtime can read it: bytes, or a file in a temporary folder. */
export interface Placed {
  readonly source: string | Uint8Array
  remove(): void
}

/** protobuf messages end at 2 GiB; the rest leaves room for the graph. */
const LARGEST_MESSAGE = 2 ** 31 - 2 ** 24

/** The model as bytes where it fits into one message and keeps its weights inside, else as a file with its data. */
export async function placeModel(model: Model): Promise<Placed> {
  const { encodeModel, modelBytes } = await import('./model-files.ts')
  if (modelBytes(model) < LARGEST_MESSAGE && !hasExternal(model))
    return { source: encodeModel(model), remove: () => {} }
  return placeFile(model)
}

/** The model as a file in a temporary folder, its external data beside it. */
export async function placeFile(model: Model): Promise<Placed & { readonly source: string }> {
  // Loaded when needed: a process that opens a file has no use for the encoder, and its memory is measured.
  const { writeModel } = await import('./model-files.ts')
  const folder = temporaryFolder()
  const source = join(folder.path, 'model.onnx')
  try {
    await writeModel(model, source, { lasting: false })
  } catch (error) {
    folder.remove()
    throw error
  }
  return { source, remove: () => folder.remove() }
}

/** Whether weights of the model live in other files. */
export const hasExternal = (model: Model): boolean => externalLocations(model).size > 0
