import { forkModule, siblingModule, UserError } from '../platform/index.ts'
import { errorOf, type Failure } from './ort-node-failure.ts'
import type { Answer, Request } from './ort-node-protocol.ts'

/** A child process with the runtime in it. */
export interface RuntimeProcess {
  readonly pid: number
  /** Sends a request; rejects with the child's own UserError, or with one that says how the process died. */
  ask<R extends Request>(request: R, doing: string): Promise<Answer[R['op']]>
  stop(): Promise<void>
}

/** Processes that wait for a model. */
const spare: ((what: string) => RuntimeProcess)[] = []

/**
 * Starts processes that the next sessions take: they come up, runtime and all, while this process computes what they shall
 * run. Gives what ends those that nobody took.
 */
export function prepareRuntimes(count: number): () => Promise<void> {
  const own = Array.from({ length: count }, () => launch())
  const taken = own.map((process) => {
    const take = (what: string) => process.named(what)
    // A process that cannot load the runtime says so when it is given a model.
    process.ask({ op: 'warm' }, 'loading the runtime').catch(() => {})
    return take
  })
  spare.push(...taken)
  return async () => {
    for (const [i, take] of taken.entries()) {
      const place = spare.indexOf(take)
      if (place < 0) continue
      spare.splice(place, 1)
      await own[i]!.stop()
    }
  }
}

/** A process for a model, a waiting one where there is one; `what` names the model in messages. It dies with this one. */
export function startRuntime(what: string): RuntimeProcess {
  return spare.shift()?.(what) ?? launch().named(what)
}

function launch(): RuntimeProcess & { named(what: string): RuntimeProcess } {
  let what = 'a model'
  const child = forkModule(siblingModule(import.meta.url, 'ort-node-child'))
  const waiting = new Map<number, { doing: string; resolve: (value: never) => void; reject: (e: Error) => void }>()
  let complaint = ''
  let dead: string | null = null
  let next = 0
  // An idle child must not keep this process alive.
  const hold = (on: boolean) => {
    const method = on ? 'ref' : 'unref'
    child[method]()
    child.channel?.[method]()
    ;(child.stderr as unknown as { ref(): void; unref(): void })[method]()
  }
  hold(false)
  child.stderr?.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-2000)
  })
  child.on('message', (message: { id: number; answer?: never; failure?: Failure }) => {
    const entry = waiting.get(message.id)
    if (!entry) return
    waiting.delete(message.id)
    if (waiting.size === 0) hold(false)
    if (message.failure) entry.reject(errorOf(message.failure))
    else entry.resolve(message.answer as never)
  })
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      if (dead !== null) return
      dead = how
      for (const { doing, reject } of waiting.values()) reject(crash(what, doing, how, complaint))
      waiting.clear()
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  })

  const self: RuntimeProcess & { named(what: string): RuntimeProcess } = {
    named(name) {
      what = name
      return self
    },
    pid: child.pid ?? -1,
    ask(request, doing) {
      return new Promise((resolve, reject) => {
        if (dead !== null) return reject(crash(what, doing, dead, complaint))
        const id = next++
        waiting.set(id, { doing, resolve: resolve as (value: never) => void, reject })
        hold(true)
        child.send({ id, request }, (error) => {
          // A child that died meanwhile is reported by its end, which knows why.
          if (error && dead !== null && waiting.delete(id)) reject(crash(what, doing, dead, complaint))
        })
      })
    },
    async stop() {
      if (dead !== null) return
      hold(true)
      child.kill('SIGKILL')
      await ended
    },
  }
  return self
}

export function crash(what: string, doing: string, how: string, complaint: string): UserError {
  const starved = how === 'SIGKILL'
  return new UserError(
    starved ? 'out-of-resources' : 'unsupported',
    `The runtime's process ended (${how}) while ${doing}${complaint.trim() ? `: ${complaint.trim().split('\n').at(-1)}` : ''}.`,
    {
      where: what,
      hint: starved
        ? 'The system probably ran out of memory: use fewer rows at a time or a machine with more.'
        : 'This is a fault of the runtime on this model; the model can be inspected and rewritten, but not run here.',
      cause: complaint,
    },
  )
}
