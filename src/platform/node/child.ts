import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { preloads } from './module-file.ts'

/** The descriptor of the first entry of `stdio`: behind stdin, stdout, stderr and the channel of messages. */
export const FIRST_OF_STDIO = 4

export interface ForkOptions {
  /** For variables that this process does not have; its own win. */
  readonly env?: Readonly<Record<string, string>>
  /** Entries of `stdio` behind stdin (none), stdout (none), stderr (a pipe) and the channel. */
  readonly stdio?: readonly ('overlapped' | 'ignore' | number)[]
}

const living = new Set<ChildProcess>()
let watching = false

/**
 * Starts a module in a process of its own, spoken to in structured clones: typed arrays arrive as such. It ends with
 * this process.
 */
export function forkModule(module: URL, { env, stdio = [] }: ForkOptions = {}): ChildProcess {
  const child = fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    env: { ...env, ...process.env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...stdio],
    execArgv: preloads(module).flatMap((url) => ['--import', url]),
  })
  living.add(child)
  child.once('exit', () => living.delete(child))
  if (!watching) {
    watching = true
    process.once('exit', () => {
      for (const one of living) one.kill('SIGKILL')
    })
  }
  return child
}
