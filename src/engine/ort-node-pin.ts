import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Cores that this process may use, ascending; without Linux's list all that there are. */
export function allowedCores(): readonly number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (list) return coresOf(list)
  } catch {
    // Not Linux.
  }
  return Array.from({ length: availableParallelism() }, (_, core) => core)
}

/** `0-2,5` → 0, 1, 2, 5. */
export function coresOf(list: string): readonly number[] {
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number) as [number, number?]
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

/**
 * Binds every thread of a process to these cores with `taskset`; threads that it starts later inherit that. Resolves to
 * null when done, else to the reason in plain words: no such program, or not allowed.
 */
export function pinProcess(pid: number, cores: readonly number[], program = 'taskset'): Promise<string | null> {
  if (process.platform !== 'linux') return Promise.resolve(`${process.platform} has no way to bind a process to cores`)
  return new Promise((resolve) => {
    execFile(program, ['-a', '-c', '-p', cores.join(','), String(pid)], { timeout: 5000 }, (error, _, complaint) => {
      if (!error) resolve(null)
      else if ((error as NodeJS.ErrnoException).code === 'ENOENT') resolve(`the program ${program} is not there`)
      else resolve(complaint.trim().split('\n').at(-1) || error.message)
    })
  })
}
