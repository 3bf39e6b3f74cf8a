import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  explainSystemError,
  makeFolder,
  UserError,
  withLock,
  writeAtomic,
  writeFilesAtomic,
} from '../platform/index.ts'
import { type Descriptor, damaged, MEDIA, NOTE, parseDescriptor, parseJson } from './oci.ts'

/** How long to wait for another process that writes the index; it takes milliseconds unless the disk is stuck. */
const PATIENCE_MS = 30_000

/** `index.json` of one layout: what there is, in the order of its coming; a tag is an entry's annotation. */
export interface LayoutIndex {
  readonly manifests: readonly Descriptor[]
}

export const tagOf = (entry: Descriptor): string | undefined => entry.annotations?.[NOTE.tag]

/** What helps where the index itself is damaged: a push, which would write it anew, must not, and so is refused. */
const RESTORE =
  'it was changed or cut short: restore it from a copy, or move the folder away and push its versions again'

/**
 * Whether the folder holds a layout: by the file that says so, or by an index beside blobs where that file was lost, so
 * that what the index names is neither passed over nor written over. A folder that another program filled is a UserError
 * `bad-data`.
 */
export function isLayout(folder: string): boolean {
  const path = join(folder, 'oci-layout')
  if (!existsSync(path)) return existsSync(join(folder, 'index.json')) && existsSync(join(folder, 'blobs', 'sha256'))
  const stated = parseJson(readBytes(path), path, RESTORE) as { imageLayoutVersion?: unknown } | null
  if (stated?.imageLayoutVersion !== '1.0.0')
    throw new UserError('unsupported', `the layout has version ${JSON.stringify(stated?.imageLayoutVersion ?? null)}`, {
      where: path,
      hint: 'this Whetstone reads version 1.0.0; upgrade whetstone, or choose another store',
    })
  return true
}

/** The index as it is now; empty where nothing was pushed yet. UserError `bad-data` where it is damaged. */
export function readIndex(folder: string): LayoutIndex {
  if (!isLayout(folder)) return { manifests: [] }
  const path = join(folder, 'index.json')
  const index = parseJson(readBytes(path), path, RESTORE) as { schemaVersion?: unknown; manifests?: unknown } | null
  if (index?.schemaVersion !== 2 || !Array.isArray(index.manifests))
    throw damaged('this is no OCI index', path, undefined, RESTORE)
  return { manifests: index.manifests.map((entry) => parseDescriptor(entry, path)) }
}

/**
 * Changes the index while no other process does: read, change, replace in one step. `change` may look at the disk and
 * throw, and then nothing happens. Waits for others; UserError `busy` after 30 s.
 */
export async function changeIndex(
  folder: string,
  change: (index: LayoutIndex) => LayoutIndex | undefined | Promise<LayoutIndex | undefined>,
): Promise<void> {
  await whileOthersWait(folder, async () => {
    const changed = await change(readIndex(folder))
    if (changed) await writeIndex(folder, changed)
  })
}

/** Runs `work` while no other process changes this layout. */
export async function whileOthersWait<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + PATIENCE_MS
  let own = false
  for (;;) {
    try {
      return await withLock(folder, () => {
        own = true
        return work()
      })
    } catch (error) {
      const waiting = !own && error instanceof UserError && error.code === 'busy'
      if (!waiting || performance.now() >= until) throw error
      await sleep(5 + Math.random() * 20)
    }
  }
}

/** Replaces the index; only inside `whileOthersWait`. */
export async function writeIndex(folder: string, index: LayoutIndex): Promise<void> {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests: index.manifests }, null, 1)
  const path = join(folder, 'index.json')
  if (existsSync(join(folder, 'oci-layout'))) return writeAtomic(path, `${text}\n`)
  // The file that makes the folder a layout comes last: a folder with it has an index.
  await writeFilesAtomic([
    [path, `${text}\n`],
    [join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n'],
  ])
}

/** Makes the folder of an OCI layout that its blobs lie in, and gives its path. */
export function makeBlobFolder(folder: string): string {
  const blobs = join(folder, 'blobs', 'sha256')
  makeFolder(blobs)
  return blobs
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw damaged('the file is missing', path, error, RESTORE)
    throw explainSystemError(error, path, 'read')
  }
}
