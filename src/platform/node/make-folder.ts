import { mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UserError } from '../user-error.ts'
import { explainSystemError } from './system-error.ts'

/**
 * Makes a folder and those above it; one that is there is fine. One by one, because making them all in one call hangs
 * where the system says "not found" for a folder that cannot be made, as Linux does below /proc.
 *
 * @returns The folders that were made, a folder before those in it.
 * @throws UserError `unwritable` or `bad-argument` that names the folder.
 */
export function makeFolder(folder: string): readonly string[] {
  const missing: string[] = []
  for (let path = resolve(folder); ; path = dirname(path)) {
    const found = lookAt(path, folder)
    if (found?.isDirectory()) break
    if (found)
      throw new UserError('bad-argument', `cannot make the folder ${folder}: ${path} is a file`, {
        where: path,
        hint: 'choose another name, or move the file away',
      })
    missing.push(path)
    if (dirname(path) === path) break
  }
  const made: string[] = []
  try {
    for (const path of missing.reverse()) {
      mkdirSync(path)
      made.push(path)
    }
  } catch (error) {
    // Another process may have made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainSystemError(error, folder, 'write')
    made.push(...makeFolder(folder))
  }
  return made
}

/** What is at `path`; undefined where nothing is, or where something above it is a file. */
function lookAt(path: string, folder: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw explainSystemError(error, folder, 'write')
  }
}
