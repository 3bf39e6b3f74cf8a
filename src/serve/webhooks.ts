import { createHmac, randomUUID } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { UserError } from '../platform/index.ts'
import type { Log } from './log.ts'
import { family } from './metrics.ts'

/** Something that people want to be told of; `data` is a Report. */
export interface ServerEvent {
  readonly event: 'rollout-rolled-back' | 'rollout-promoted' | 'rollout-stopped' | 'drift'
  readonly data: object
}
export type Notify = (event: ServerEvent) => void

interface WebhookTimes {
  readonly timeoutMs: number
  /** Before the second try; then twice as long each time. */
  readonly firstRetryMs: number
  readonly longestRetryMs: number
  readonly tries: number
}
const TIMES: WebhookTimes = { timeoutMs: 10_000, firstRetryMs: 1000, longestRetryMs: 300_000, tries: 10 }

/** Events that wait for one address; where an address is gone for long, the oldest are given up. */
const MOST_WAITING = 200

interface Delivery {
  readonly id: string
  readonly event: string
  readonly body: string
}

/**
 * Tells addresses that the operator named what has happened: a POST with JSON, signed by HMAC-SHA256 over timestamp and
 * body. Telling happens aside, one event after another for each address, again with longer pauses where nobody takes
 * it. Redirects are not followed and answers are not read, so that nobody can lead the server elsewhere.
 */
export class Webhooks {
  readonly #targets: readonly Target[]

  /** @throws UserError for an address that is none. */
  constructor(urls: readonly string[], secret: string, log: Log, times: WebhookTimes = TIMES) {
    this.#targets = urls.map((url) => new Target(addressOf(url), secret, log, times))
  }

  readonly notify: Notify = ({ event, data }) => {
    const id = randomUUID()
    const body = JSON.stringify({ event, id, at: new Date().toISOString(), data })
    for (const target of this.#targets) target.push({ id, event, body })
  }

  /** In the text format of Prometheus. */
  metrics(): string {
    const sum = (count: (target: Target) => number) => this.#targets.reduce((total, one) => total + count(one), 0)
    return family(
      'whetstone_webhook_deliveries_total',
      'counter',
      'Events that an address took, or that were given up.',
      [
        [{ outcome: 'delivered' }, sum(({ delivered }) => delivered)],
        [{ outcome: 'given-up' }, sum(({ givenUp }) => givenUp)],
      ],
    )
  }

  /** Gives what waits `ms` milliseconds more, one last try each. */
  async close(ms: number): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.close(ms)))
  }
}

class Target {
  delivered = 0
  givenUp = 0
  readonly #url: URL
  readonly #secret: string
  readonly #log: Log
  readonly #times: WebhookTimes
  readonly #queue: Delivery[] = []
  /** Ends the pauses when the server wants to end, and the requests when it ends. */
  readonly #closing = new AbortController()
  readonly #end = new AbortController()
  #working: Promise<void> | null = null

  constructor(url: URL, secret: string, log: Log, times: WebhookTimes) {
    this.#url = url
    this.#secret = secret
    this.#log = log
    this.#times = times
  }

  push(delivery: Delivery): void {
    if (this.#queue.length >= MOST_WAITING) this.#giveUp(this.#queue.shift()!, 'too many wait')
    this.#queue.push(delivery)
    this.#working ??= this.#work().finally(() => {
      this.#working = null
    })
  }

  async close(ms: number): Promise<void> {
    this.#closing.abort()
    const timer = setTimeout(() => this.#end.abort(), ms)
    await this.#working
    clearTimeout(timer)
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) await this.#deliver(next)
  }

  async #deliver(delivery: Delivery): Promise<void> {
    let wait = this.#times.firstRetryMs
    for (let attempt = 1; ; attempt++) {
      const refusal = await this.#post(delivery)
      if (refusal === null) {
        this.delivered++
        return
      }
      const last = refusal.final || this.#closing.signal.aborted || attempt >= this.#times.tries
      if (last) return this.#giveUp(delivery, refusal.why)
      await after(wait, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {})
      wait = Math.min(2 * wait, this.#times.longestRetryMs)
    }
  }

  /** null where the address has taken it. */
  async #post({ id, event, body }: Delivery): Promise<{ readonly why: string; readonly final: boolean } | null> {
    const timestamp = String(Math.floor(Date.now() / 1000))
    const signature = createHmac('sha256', this.#secret).update(`${timestamp}.${body}`).digest('hex')
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.any([this.#end.signal, AbortSignal.timeout(this.#times.timeoutMs)]),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'whetstone',
          'x-whetstone-event': event,
          'x-whetstone-delivery': id,
          'x-whetstone-timestamp': timestamp,
          'x-whetstone-signature': `sha256=${signature}`,
        },
        body,
      })
      await answer.body?.cancel()
      if (answer.ok) return null
      const { status } = answer
      return { why: `answered ${status}`, final: status < 500 && status !== 408 && status !== 429 }
    } catch (error) {
      const { message, cause } = error as Error
      return { why: (cause as NodeJS.ErrnoException | undefined)?.code ?? message, final: false }
    }
  }

  #giveUp({ id, event }: Delivery, why: string): void {
    this.givenUp++
    // The path may hold a secret of the other side.
    this.#log.error('an event could not be told', { to: this.#url.origin, event, delivery: id, why })
  }
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url && /^https?:$/.test(url.protocol) && url.username === '') return url
  throw new UserError('bad-argument', 'the address of a webhook is not valid', {
    where: '--webhook',
    hint: 'for example https://example.com/hooks/whetstone, without a user or a password in it',
  })
}
