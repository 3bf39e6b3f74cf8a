import { existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFolder } from './make-folder.ts'
import { explainSystemError } from './system-error.ts'
import { type Content, flushFolder, temporaryName, writeFilesAtomic } from './write-atomic.ts'

/**
 * Writes files into a folder, by relative path. A new folder appears with all of its files at once; in one that is
 * there already, each file is replaced atomically after all of them are written, in the order given (so name the one
 * that refers to the others last), and other files stay. Nothing is left behind on an error.
 */
export async function writeDirectoryAtomic(
  folder: string,
  files: readonly (readonly [path: string, content: Content])[],
): Promise<void> {
  const fresh = !existsSync(folder)
  const target = fresh ? temporaryName(folder) : folder
  try {
    if (fresh) makeFolder(dirname(folder))
    makeFolder(target)
    for (const [path] of files) makeFolder(dirname(join(target, path)))
    await writeFilesAtomic(files.map(([path, content]) => [join(target, path), content]))
    if (!fresh) return
    renameSync(target, folder)
    flushFolder(dirname(folder))
  } catch (error) {
    if (fresh) rmSync(target, { recursive: true, force: true })
    throw explainSystemError(error, folder, 'write')
  }
}
