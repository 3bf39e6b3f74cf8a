import { readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Of the name that a temporary file is for, so many characters of at most 4 bytes: file systems take 255 bytes. */
const OF_NAME = 48

/** How the file at `path` is called in the names of its temporary ones. */
export const nameIn = (path: string): string => Array.from(basename(path)).slice(0, OF_NAME).join('')

/** `.NAME.PID.HEX.tmp`: what process PID writes before it is NAME. */
const TEMPORARY = /^\.(.+)\.(\d+)\.[0-9a-f]+\.tmp$/
/** On a folder that machines share, its process may run elsewhere; it does not leave a file alone for so long. */
const STILL_MS = 60_000

/** Whether the process that began to write this temporary file (its number stands in the name) runs on this machine. */
export function writerLives(path: string): boolean {
  const pid = Number(TEMPORARY.exec(basename(path))?.[2] ?? 0)
  return pid !== 0 && runsHere(pid)
}

/** Whether a process of this machine has this number. */
export function runsHere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Removes what killed processes left half-written of these files, which are whole now: nobody looks at names with a dot,
 * and each may take as much as a model. What cannot be removed stays.
 */
export function clearLeftovers(paths: readonly string[]): void {
  for (const folder of new Set(paths.map(dirname))) {
    const names = new Set(paths.filter((path) => dirname(path) === folder).map(nameIn))
    for (const file of listed(folder)) {
      const name = TEMPORARY.exec(file)?.[1]
      if (name === undefined || !names.has(name)) continue
      const path = join(folder, file)
      const stat = statSync(path, { throwIfNoEntry: false })
      if (!stat?.isFile() || Date.now() - stat.mtimeMs < STILL_MS || writerLives(path)) continue
      try {
        rmSync(path, { force: true })
      } catch {}
    }
  }
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
