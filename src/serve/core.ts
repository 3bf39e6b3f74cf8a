import { randomUUID } from 'node:crypto'
import type { ByteTensor } from '../engine/index.ts'
import type { Departure } from './departure.ts'
import { type AnswerCache, tensorsDigest } from './model/answer-cache.ts'
import { countedRows } from './model/batch-rows.ts'
import { FOR_EVER, type JobOptions, type Run } from './model/batcher.ts'
import { Loan } from './model/loan.ts'
import type { ServedVersion } from './model/served-version.ts'
import { add } from './model/statistics.ts'
import type { InferAnswer } from './protocol/infer-answer.ts'
import { type InferRequest, matchInputs } from './protocol/infer-request.ts'
import type { ModelRegistry } from './repository/registry.ts'
import { checkSequence, LONGEST_MS, type Terms, termsOf } from './request-terms.ts'
import type { Router } from './router.ts'
import { type ServeError, toServeError } from './serve-error.ts'
import type { Tracer } from './tracing.ts'

/** Who asks, as the face found out. */
export interface Caller {
  /** Whose key it is; '' without keys. Answers are cached for one tenant alone. */
  readonly tenant: string
  /** Callers take turns in the queue: the key's name, else the address. */
  readonly name: string
  /** Names of the models that the key may use; all where it has none. */
  readonly models?: readonly string[] | undefined
}

interface InferCall {
  readonly model: string
  /** '' leaves the choice to the router. */
  readonly version: string
  readonly caller: Caller
  readonly departure?: Departure | undefined
  /** The trace that the request belongs to, as the client wrote it. */
  readonly traceparent?: string | undefined
  /** Reads the request once the version is known: a raw body needs the model's ports. */
  readonly read: (ports: ServedVersion['ports']) => InferRequest | Promise<InferRequest>
}

interface InferResult {
  readonly request: InferRequest
  readonly answer: InferAnswer
  /** The client's id, or one made here. */
  readonly requestId: string
  /** The answer is on its way, all of it: its memory may be used again. Need not be called. */
  readonly release: () => void
  /** Nobody looks at the inputs any more: their memory may be used again. */
  readonly inputsFree: boolean
}

/** A shadow must not take room that requests may need. */
const SHADOW_QUEUE = 64
const SHADOW_PRIORITY = 1000
/**
 * A run of a version on trial that takes so many times as long as the longest of the live one, and so long at all, has
 * hung: to wait as long as elsewhere would keep a rollback away from those whom it answers.
 */
const HUNG_TIMES = 10
const HUNG_MS = 10_000

/** Who answers a request, the run that gave the answer, and milliseconds before it in the queue. */
interface Ran {
  version: ServedVersion
  requestId: string
  run: Run | null
  queueMs: number | null
  /** Of the outputs; what the cache has may be anybody's, and is never used again. */
  loan: Loan
  release: () => void
  /** Somebody may look at the inputs when the answer is there. */
  inputsHeld: boolean
}

/** A request on its way to a version: what the router is told of it, beside how it ended. */
interface Sent {
  readonly call: InferCall
  readonly version: ServedVersion
  readonly requestId: string
  readonly inputs: readonly ByteTensor[]
}

/** Of outputs whose memory is never used again. */
const NO_LOAN = new Loan(undefined)

/** From a request to its answer, the same for every face. */
export class InferenceCore {
  readonly registry: ModelRegistry
  readonly cache: AnswerCache | null
  /** Who is told of every request that a trace wants to know of. */
  readonly tracer: Tracer | null
  #router: Router

  constructor(registry: ModelRegistry, router: Router, cache: AnswerCache | null, tracer: Tracer | null = null) {
    this.tracer = tracer
    this.registry = registry
    this.#router = router
    this.cache = cache
  }

  /** From now on this one decides. */
  set router(router: Router) {
    this.#router = router
  }

  /** @throws ServeError */
  async infer(call: InferCall): Promise<InferResult> {
    const start = performance.now()
    let live = this.registry.version(call.model, call.version)
    const ran: Ran = {
      version: live,
      requestId: '',
      run: null,
      queueMs: null,
      loan: NO_LOAN,
      release: () => {},
      inputsHeld: false,
    }
    const trace = (rows: number | null, error: string | null) =>
      this.tracer?.record({
        traceparent: call.traceparent,
        model: call.model,
        version: ran.version.version,
        requestId: ran.requestId,
        rows,
        tookMs: performance.now() - start,
        queueMs: ran.queueMs,
        runMs: ran.run?.ms ?? null,
        error,
      })
    try {
      let request = call.read(live.ports)
      if (request instanceof Promise) {
        request = await request
        // Another version may have come meanwhile, and this one may have gone.
        live = this.registry.version(call.model, call.version)
        ran.version = live
      }
      checkSequence(request)
      const { inputs, outputs } = await this.#answer(call, live, request, ran, start)
      const { version, requestId } = ran
      const rows = countedRows(inputs)
      const { statistics } = version
      add(statistics.success, performance.now() - start)
      statistics.inferences += rows
      statistics.lastInference = Date.now()
      trace(rows, null)
      const answer = { model: call.model, version: version.version, outputs }
      return { request, requestId, answer, release: ran.release, inputsFree: !ran.inputsHeld }
    } catch (error) {
      const { code } = toServeError(error, call.model)
      ran.version.statistics.failed(code, performance.now() - start)
      trace(null, code)
      throw error
    }
  }

  /** The answer of whoever is chosen, or of the live version where one on trial fails; `ran` tells whose it is. */
  async #answer(
    call: InferCall,
    live: ServedVersion,
    request: InferRequest,
    ran: Ran,
    start: number,
  ): Promise<{ readonly inputs: readonly ByteTensor[]; readonly outputs: readonly ByteTensor[] }> {
    // Before anybody is chosen: what a client writes wrong is no failure of a version.
    const terms = termsOf(request)
    const requestId = request.id || randomUUID()
    ran.requestId = requestId
    const { version, shadows } = this.#choose(call, live, request, requestId)
    ran.version = version
    const inputs = matchInputs(request, version.ports, call.model)
    // No pause from here to the queue: a version that is replaced now still gets this request, and drains after it.
    const sent: Sent = { call, version, requestId, inputs }
    const late = shadows.length > 0 ? this.#unawaited(sent) : undefined
    const running = this.#run(sent, { ...terms, ...trialLimit(version, live) }, ran, late)
    for (const shadow of shadows) this.#shadow({ ...sent, version: shadow }, live, request)
    if (shadows.length > 0) ran.inputsHeld = true
    const outputs = await this.#toldOfFailure(sent, ran, running).catch((error: ServeError) => {
      if (version === live || gaveUp(error)) throw error
      // A version on trial has failed, and its client is not on trial: the live one answers, in the time that is left.
      version.statistics.failed(error.code, performance.now() - start)
      ran.version = live
      const again: Sent = { ...sent, version: live, inputs: matchInputs(request, live.ports, call.model) }
      const limitMs = terms.timeoutMs || live.batchSettings.timeoutMs
      const timeoutMs = limitMs && Math.max(1, limitMs - (performance.now() - start))
      return this.#toldOfFailure(again, ran, this.#run(again, { ...terms, timeoutMs }, ran))
    })
    this.#observe({ ...sent, version: ran.version }, false, ran, outputs, null)
    return { inputs, outputs }
  }

  /** Who answers, and whose runs nobody waits for. */
  #choose(
    call: InferCall,
    live: ServedVersion,
    request: InferRequest,
    requestId: string,
  ): { readonly version: ServedVersion; readonly shadows: readonly ServedVersion[] } {
    if (call.version !== '') return { version: live, shadows: [] }
    const { warm } = this.registry.model(call.model)
    const key = request.parameters.route_key
    const route = this.#router.choose({
      requestId,
      model: call.model,
      tenant: call.caller.tenant,
      // Callers are few, and one may speak for all users: by their names a share would be all requests or none.
      key: key === undefined ? randomUUID() : String(key),
      live: live.version,
      warm: [...warm.keys()],
    })
    // A version that has gone since the router looked: the live one answers.
    const version = warm.get(route.version) ?? live
    // What clients are promised is the live version's signature: it answers, and the chosen one has failed.
    if (version !== live && refusal(request, version)) return { version: live, shadows: [version] }
    return { version, shadows: (route.shadows ?? []).flatMap((name) => warm.get(name) ?? []) }
  }

  /** The outputs of a run; where it fails the router is told, unless it is the client who gave up. */
  async #toldOfFailure(sent: Sent, ran: Ran, running: Promise<readonly ByteTensor[]>): Promise<readonly ByteTensor[]> {
    try {
      return await running
    } catch (error) {
      const told = toServeError(error, sent.call.model)
      if (!gaveUp(told)) this.#observe(sent, false, ran, null, told)
      throw told
    }
  }

  async #run(
    { call, version, inputs }: Sent,
    terms: Terms,
    ran: Ran,
    late?: JobOptions['late'],
  ): Promise<readonly ByteTensor[]> {
    const options = { ...terms, caller: call.caller.name, late }
    const run = async (departure: Departure | undefined, timeoutMs = options.timeoutMs) => {
      const result = await version.run(inputs, { ...options, timeoutMs, departure })
      add(version.statistics.queue, result.queueMs)
      ran.run = result.run
      ran.queueMs = result.queueMs
      return result
    }
    if (!this.cache || !version.deterministic) {
      const { outputs: own, loan, release } = await run(call.departure)
      Object.assign(ran, { loan, release })
      return own
    }
    const key = tensorsDigest(inputs, [
      'answer',
      version.ports.digest,
      call.caller.tenant,
      call.model,
      version.version,
      (terms.outputs ?? []).join('\0'),
    ])
    const start = performance.now()
    const timeoutMs = options.timeoutMs || version.batchSettings.timeoutMs
    const patience = { model: call.model, timeoutMs, departure: call.departure }
    // Others may wait for this run: it goes on for as long as anybody does, and each counts its own time.
    const get = async (departure: Departure) => (await run(departure, FOR_EVER)).outputs
    const { outputs: found, how } = await this.cache.get(key, patience, get)
    add(how === 'miss' ? version.statistics.cacheMiss : version.statistics.cacheHit, performance.now() - start)
    return found
  }

  #shadow(sent: Sent, live: ServedVersion, request: InferRequest): void {
    const { version, inputs } = sent
    if (version.waiting >= SHADOW_QUEUE) return
    const ended = this.#unawaited(sent)
    const refused = refusal(request, version)
    if (refused) {
      ended(refused)
      return
    }
    const { outputs } = termsOf(request)
    // Behind all others, it may well begin when its client's time is over.
    const terms = { outputs, priority: SHADOW_PRIORITY, timeoutMs: LONGEST_MS, ...trialLimit(version, live) }
    const options = { ...terms, caller: 'shadow' }
    version.run(inputs, options).then(ended, ended)
  }

  /** Tells the router how a run has ended that no client waits for. */
  #unawaited(sent: Sent): NonNullable<JobOptions['late']> {
    return (end) => {
      if (end instanceof Error)
        this.#observe(sent, true, { loan: NO_LOAN, run: null }, null, toServeError(end, sent.call.model))
      else {
        this.#observe(sent, true, { loan: end.loan, run: end.run }, end.outputs, null)
        end.release()
      }
    }
  }

  #observe(
    { call, version, requestId, inputs }: Sent,
    shadow: boolean,
    ran: Pick<Ran, 'loan' | 'run'> & Partial<Ran>,
    outputs: readonly ByteTensor[] | null,
    error: ServeError | null,
  ): void {
    // The server has ended the run with its version: that says nothing of the version.
    if (error && version.state === 'closed') return
    this.#router.observe({
      requestId,
      model: call.model,
      version: version.version,
      tenant: call.caller.tenant,
      shadow,
      inputs,
      inputsDigest: () => tensorsDigest(inputs),
      outputs,
      hold: () => {
        ran.inputsHeld = true
        return ran.loan.hold()
      },
      run: ran.run,
      error: error && { code: error.code, message: error.message },
    })
  }
}

/** A client's patience says nothing of the version. The run may go on: then its end is what is observed. */
const gaveUp = ({ code }: ServeError): boolean => code === 'timeout' || code === 'cancelled'

/** How long a run of a version on trial may take; the live one's is bounded by the settings alone. */
function trialLimit(version: ServedVersion, live: ServedVersion): Pick<Terms, 'runLimitMs'> {
  const { slowestRunMs } = live.statistics
  return version === live || slowestRunMs === 0 ? {} : { runLimitMs: Math.max(HUNG_MS, HUNG_TIMES * slowestRunMs) }
}

/** Why a version does not take a request; null where it does. */
function refusal(request: InferRequest, { ports, name }: ServedVersion): ServeError | null {
  try {
    matchInputs(request, ports, name)
    return null
  } catch (error) {
    return toServeError(error, name)
  }
}
