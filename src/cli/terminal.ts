import { explainSystemError, shellWord } from '../platform/index.ts'
import { EXIT } from './exit-codes.ts'
import type { Context } from './verb.ts'

/** How long a verb may take to end by itself after Ctrl-C. */
const GRACE_MS = 1500

/** Set by whoever starts this program with a channel to it and wants it to end when he does, however he does. */
export const ENDS_WITH_PARENT = 'WHETSTONE_ENDS_WITH_PARENT'

interface Terminal {
  readonly context: Context
  readonly style: { readonly color: boolean; readonly width: number }
  /** Rejects some time after Ctrl-C: a verb that sees the signal has ended by then, others are not waited for. */
  readonly interrupted: Promise<never>
  /** Gives the verb longer than usual to end by itself after Ctrl-C. */
  allow(graceMs: number): void
  /** Takes the progress line away. */
  clear(): void
  /** Writes to stdout and waits until it is out: a pipe may be slow, and the process ends right after. */
  print(text: string): Promise<void>
}

/** Binds the terminal of this process: stdout for what `print` is given alone, stderr for people, Ctrl-C as an abort. */
export function openTerminal(words: readonly string[]): Terminal {
  // Behind -- are the words of another command.
  const end = words.indexOf('--')
  const own = end < 0 ? words : words.slice(0, end)
  const json = own.includes('--json')
  const quiet = own.includes('--quiet')
  const live = !quiet && process.stderr.isTTY === true
  const color = process.stdout.isTTY === true && !process.env.NO_COLOR
  const { signal, interrupted, allow } = interruption()
  let drawn = false

  const clear = () => {
    if (drawn) process.stderr.write('\r\x1b[2K')
    drawn = false
  }
  // What a user's module prints is for people: stdout holds the result and nothing else.
  const { stdout, stderr } = process
  const write = stdout.write.bind(stdout)
  stdout.write = stderr.write.bind(stderr)
  // That nobody reads any more ends no work and changes no exit code; what else befell stdout is told by `print`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    interrupted,
    allow,
    style: { color, width: process.stdout.columns ?? 100 },
    clear,
    print: (text) =>
      new Promise((done, fail) => {
        write(`${text}\n`, (error) => {
          if (error && !isUnread(error)) fail(explainSystemError(error, 'stdout', 'write'))
          else done()
        })
      }),
    context: {
      json,
      signal,
      command: ['whet', ...words.map(shellWord)].join(' '),
      say: (line) => {
        if (quiet) return
        clear()
        process.stderr.write(`${line}\n`)
      },
      progress: (line) => {
        if (!live) return
        process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
        drawn = true
      },
    },
  }
}

/** Ctrl-C, or the end of the parent that this process ends with: a signal at once, a rejection when the grace is over. */
function interruption(): { signal: AbortSignal } & Pick<Terminal, 'interrupted' | 'allow'> {
  const controller = new AbortController()
  const { signal } = controller
  let grace = GRACE_MS
  const interrupted = new Promise<never>((_, reject) => {
    const stop = () => {
      // The second Ctrl-C does not wait for anything.
      if (signal.aborted) process.exit(EXIT.interrupted)
      controller.abort(Object.assign(new Error('interrupted'), { name: 'AbortError' }))
      setTimeout(() => reject(signal.reason), grace)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    if (process.env[ENDS_WITH_PARENT] !== undefined) {
      process.once('disconnect', stop)
      // Listening must not keep it alive.
      process.channel?.unref()
      // Gone before anybody listened.
      if (process.connected === false) stop()
    }
  })
  interrupted.catch(() => {})
  return { signal, interrupted, allow: (graceMs) => void (grace = graceMs) }
}

/** Whoever read the pipe has read enough. */
const isUnread = (error: NodeJS.ErrnoException) => error.code === 'EPIPE'
