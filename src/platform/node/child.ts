import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { preloads } from './module-file.ts'

/** The descriptor of the first entry of `stdio`: behind stdin, stdout, stderr and the channel of messages. */
export const FIRST_OF_STDIO = 4

export interface ForkOptions {
  /** For variables that this process does not have; its own win, but for certificates, which it keeps to itself. */
  readonly env?: Readonly<Record<string, string>>
  /** Entries of `stdio` behind stdin (none), stdout (none), stderr (a pipe) and the channel. */
  readonly stdio?: readonly ('overlapped' | 'ignore' | number)[]
}

const living = new Set<ChildProcess>()
let watching = false

/**
 * Starts a module in a process of its own, spoken to in structured clones: typed arrays arrive as such. It ends with
 * this process, and speaks to nobody else: Node 20 reads whatever certificates `NODE_EXTRA_CA_CERTS` names whenever it
 * starts (the 146 that a system has: 40 ms of processor time, where all else of its start takes 22), so the variable is
 * left out.
 */
export function forkModule(module: URL, { env, stdio = [] }: ForkOptions): ChildProcess {
  const { NODE_EXTRA_CA_CERTS: _, ...own } = process.env
  const child = fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    env: { ...env, ...own },
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
