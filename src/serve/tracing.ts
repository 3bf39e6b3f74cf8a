import { randomBytes } from 'node:crypto'
import { UserError } from '../platform/index.ts'
import { WHETSTONE_VERSION } from '../report/index.ts'
import type { Log } from './log.ts'
import { family } from './metrics.ts'

/** What a span tells of one request. */
interface Inferred {
  /** The header `traceparent` of the client, as it came. */
  readonly traceparent: string | undefined
  readonly model: string
  readonly version: string
  readonly requestId: string
  readonly rows: number | null
  /** From the moment that its body was read. */
  readonly tookMs: number
  readonly queueMs: number | null
  readonly runMs: number | null
  /** The kind of the error; null where it was answered. */
  readonly error: string | null
}

interface TracerOptions {
  /** Where a collector takes OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string
  /** Of the requests that come without a trace of their own, 0 … 1; with one, the client has decided. */
  readonly share: number
  /** For the collector, as `name=value,name=value`. */
  readonly headers?: string | undefined
  readonly flushMs?: number
}

const FLUSH_MS = 5000
const TIMEOUT_MS = 10_000
const BATCH = 512
const MOST_WAITING = 4096
/** The server's doing; other errors are the client's, and no error of this span. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['internal', 'unavailable', 'timeout'])

/**
 * Tells a collector of OpenTelemetry about requests: a span each, in the client's trace (W3C trace context), in batches
 * of OTLP/HTTP JSON. Nothing waits for it; what a collector does not take is kept for the next try, up to a bound.
 */
export class Tracer {
  readonly #url: URL
  readonly #share: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #waiting: object[] = []
  #sending: Promise<void> | null = null
  #told = false
  #exported = 0
  #dropped = 0

  /** @throws UserError for an address that is none, and for headers that are none. */
  constructor({ url, share, headers = '', flushMs = FLUSH_MS }: TracerOptions, log: Log) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new UserError('bad-argument', 'the address of the collector is not valid', {
        where: '--traces',
        hint: 'for example http://127.0.0.1:4318/v1/traces',
      })
    this.#url = new URL(url)
    this.#share = share
    this.#headers = headersOf(headers)
    this.#log = log
    this.#timer = setInterval(() => void this.#flush(), flushMs).unref()
  }

  record(seen: Inferred): void {
    const parent = parentOf(seen.traceparent)
    if (parent ? !parent.sampled : Math.random() >= this.#share) return
    if (this.#waiting.length >= MOST_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting.push(spanOf(seen, parent))
    if (this.#waiting.length >= BATCH) void this.#flush()
  }

  /** In the text format of Prometheus. */
  metrics(): string {
    return family('whetstone_spans_total', 'counter', 'Spans that the collector took, or that were given up.', [
      [{ outcome: 'exported' }, this.#exported],
      [{ outcome: 'dropped' }, this.#dropped],
    ])
  }

  /** Sends what waits, once. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sending
    await this.#flush()
  }

  #flush(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve()
    this.#sending ??= this.#send(this.#waiting.splice(0, BATCH)).finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  async #send(spans: readonly object[]): Promise<void> {
    let why: string
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: { ...this.#headers, 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ scope: SCOPE, spans }] }] }),
      })
      await answer.body?.cancel()
      if (answer.ok) {
        this.#exported += spans.length
        this.#told = false
        return
      }
      why = `answered ${answer.status}`
      // Those are worth another try; others would be refused again.
      if (answer.status !== 429 && answer.status < 502) this.#dropped += spans.length
      else this.#keep(spans)
    } catch (error) {
      why = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).message
      this.#keep(spans)
    }
    // Once for as long as it lasts.
    if (!this.#told) this.#log.warn('the collector does not take spans', { to: this.#url.origin, why })
    this.#told = true
  }

  #keep(spans: readonly object[]): void {
    const room = Math.max(0, MOST_WAITING - this.#waiting.length)
    this.#waiting.unshift(...spans.slice(0, room))
    this.#dropped += Math.max(0, spans.length - room)
  }
}

/** Headers as OpenTelemetry writes them in a variable: `name=value,name=value`, values as in an address. */
function headersOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '')
  return Object.fromEntries(
    pairs.map((pair, i) => {
      const at = pair.indexOf('=')
      try {
        const header = [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())] as [string, string]
        new Headers([header])
        if (at > 0) return header
      } catch {}
      // It may hold a secret.
      throw new UserError('bad-argument', `header ${i + 1} for the collector is no header`, {
        where: 'OTEL_EXPORTER_OTLP_HEADERS',
        hint: 'write name=value,name=value, with %25 for a percent sign and %2C for a comma in a value',
      })
    }),
  )
}

interface Parent {
  readonly trace: string
  readonly span: string
  readonly sampled: boolean
}

/** W3C trace context, level 1: versions that are newer may have more fields behind; null for anything that is no parent. */
export function parentOf(header: string | undefined): Parent | null {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header ?? '')
  if (!match) return null
  const [, version, trace, span, flags, more] = match
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  if (/^0+$/.test(trace!) || /^0+$/.test(span!)) return null
  return { trace: trace!, span: span!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 }
}

const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
const number = (key: string, value: number | null) => (value === null ? [] : [{ key, value: { doubleValue: value } }])

const RESOURCE = { attributes: [text('service.name', 'whetstone'), text('service.version', WHETSTONE_VERSION)] }
const SCOPE = { name: 'whetstone', version: WHETSTONE_VERSION }

function spanOf(seen: Inferred, parent: Parent | null): object {
  // Nanoseconds since 1970 are more than a number can hold exactly.
  const end = BigInt(Date.now()) * 1_000_000n
  return {
    traceId: parent?.trace ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    ...(parent ? { parentSpanId: parent.span } : {}),
    name: `infer ${seen.model}`,
    // A server's.
    kind: 2,
    startTimeUnixNano: String(end - BigInt(Math.round(seen.tookMs * 1e6))),
    endTimeUnixNano: String(end),
    attributes: [
      text('whetstone.model', seen.model),
      text('whetstone.version', seen.version),
      text('whetstone.request_id', seen.requestId),
      ...number('whetstone.rows', seen.rows),
      ...number('whetstone.queue_ms', seen.queueMs),
      ...number('whetstone.run_ms', seen.runMs),
      ...(seen.error === null ? [] : [text('error.type', seen.error)]),
    ],
    status: seen.error !== null && OWN_FAULTS.has(seen.error) ? { code: 2 } : {},
  }
}
