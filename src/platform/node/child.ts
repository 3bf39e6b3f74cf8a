import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { preloads } from './module-file.ts'

/** How a child ended: by itself with a code, or by a signal (a crash, or `kill`). */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
  /** The last of what it wrote to stderr. */
  readonly stderr: string
}

/** A module running in a process of its own, spoken to by messages (structured clones: typed arrays arrive as such). */
export interface Child {
  readonly pid: number
  /** Resolves when the message is handed over; rejects where the child is gone. */
  send(message: unknown): Promise<void>
  onMessage(listener: (message: unknown) => void): void
  /** Resolves when the child has ended and every message of its has arrived; never rejects. */
  readonly exited: Promise<ChildExit>
  kill(): void
}

export interface ChildOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Enough for the report of a crash. */
const KEPT_STDERR = 1 << 14

const living = new Set<Child>()
let watching = false

/**
 * Starts a module in a process of its own; it ends with this process. The child listens with
 * `process.on('message', …)` and answers with `process.send(…)`.
 */
export function startChild(module: URL, options: ChildOptions = {}): Child {
  const child = fork(fileURLToPath(module), [...(options.args ?? [])], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: preloads(module).flatMap((url) => ['--import', url]),
    ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
  })
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR)
  })
  const result: Child = {
    pid: child.pid ?? -1,
    send: (message) =>
      new Promise((resolve, reject) => {
        child.send(message as object, (error) => (error ? reject(error) : resolve()))
      }),
    onMessage: (listener) => void child.on('message', listener),
    exited: new Promise((resolve) => {
      let ended: Omit<ChildExit, 'stderr'> | undefined
      child.once('exit', (code, signal) => {
        living.delete(result)
        ended = { code, signal }
      })
      // After `exit`, when the pipes are empty too.
      child.once('close', () => resolve({ ...(ended ?? { code: null, signal: null }), stderr }))
      child.once('error', (error) => {
        living.delete(result)
        if (child.pid === undefined) resolve({ code: null, signal: null, stderr: error.message })
      })
    }),
    kill: () => void child.kill('SIGKILL'),
  }
  living.add(result)
  if (!watching) {
    watching = true
    process.once('exit', () => {
      for (const one of living) one.kill()
    })
  }
  return result
}
