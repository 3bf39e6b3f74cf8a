import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from './make-folder.ts'
import { writeAtomic } from './write-atomic.ts'

/** Where evidence is kept: WHETSTONE_CACHE, else the system's cache folder for this user. */
export function cacheFolder(): string {
  if (process.env.WHETSTONE_CACHE) return process.env.WHETSTONE_CACHE
  if (process.platform === 'win32')
    return join(process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'whetstone')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'whetstone')
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'whetstone')
}

/** The text kept under this name, or undefined. */
export async function readCached(folder: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, `${name}.json`), 'utf8')
  } catch {
    return undefined
  }
}

/** Keeps a text under a name; a folder that cannot be written costs only the time of making it again. */
export async function writeCached(folder: string, name: string, text: string): Promise<void> {
  try {
    makeFolder(folder)
    await writeAtomic(join(folder, `${name}.json`), text)
  } catch {}
}

/** Number and bytes of the files in the cache. */
export async function cacheSize(folder: string): Promise<{ files: number; bytes: number }> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (info) => info.size,
        () => 0,
      ),
    ),
  )
  return { files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Deletes the kept evidence and states of training, and nothing else that may lie in the folder. */
export async function clearCache(folder: string): Promise<number> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f]{64}\.(json|bin)$/.test(name))
  await Promise.all(names.map((name) => rm(join(folder, name), { force: true })))
  return names.length
}
