import { type Feeds, type IsolatedSession, machine } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LatencyOf, LatencyRatio, LatencyReport } from '../../report/index.ts'
import { median, nearestRank } from '../../statistics/index.ts'
import { poissonArrivals } from './arrivals.ts'
import { lowered, narrowed, type Search, stands, startSearch } from './find-qps.ts'
import type { LatencyOptions, LatencySubject } from './latency.ts'
import {
  type Lane,
  openGeneration,
  otherWork,
  planBlocks,
  processFigures,
  ratioOf,
  sessionOf,
} from './latency-rounds.ts'
import { heldLimit } from './percentiles.ts'

/** The load of clients that do not wait for each other's answers. */
export interface ServerOptions extends Pick<LatencyOptions, 'threads' | 'maxSeconds' | 'signal' | 'rows'> {
  readonly open: (subject: LatencySubject) => Promise<IsolatedSession>
  /** Queries a second, for every model. Without it: searched for under `maxP99Ms`, else half of what the first can do. */
  readonly qps?: number | undefined
  readonly maxP99Ms?: number | undefined
  readonly seed?: number | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

/** The report under load, and what it was made of. */
export interface ServerMeasurement {
  readonly report: LatencyReport
  /** Nanoseconds from the scheduled arrival, query by query, model by model. */
  readonly samples: readonly Float64Array[]
}

/** What is known of one model under load. */
interface Served extends Lane {
  serviceMs: number
  qps: number
  latency: number[]
  /** Of each chunk: mean nanoseconds, share of time busy. */
  means: number[]
  busy: number
  span: number
}

/** Parts of a run: models take turns, so a chunk is as short as its queue allows. */
const CHUNKS = 8
const TRIALS = 7

/**
 * Queries arrive at random (Poisson) and are answered one after the other; latency counts from the arrival. Models take
 * turns in chunks with the same arrivals, each in its own process, only one of them busy at any time.
 *
 * @throws UserError where a model cannot be loaded or run; the reason of `signal` when that aborts.
 */
export async function measureServer(
  subjects: readonly LatencySubject[],
  feeds: Feeds,
  options: ServerOptions,
): Promise<ServerMeasurement> {
  const { maxSeconds = 10, maxP99Ms, seed = 0, signal, onProgress } = options
  if (subjects.length === 0) throw new UserError('bad-argument', 'There is no model to time.')
  const lanes = subjects.map(({ label }): Served => {
    const lane: Lane = { label, ns: [], blocks: [], loads: [], firsts: [], peaks: [] }
    return { ...lane, serviceMs: 0, qps: 0, latency: [], means: [], busy: 0, span: 0 }
  })
  const warnings: string[] = [...otherWork()]
  const close = await openGeneration(lanes, (index) => options.open(subjects[index] as LatencySubject), signal)
  try {
    await planBlocks(lanes, feeds, 5, null, signal)
    for (const lane of lanes) lane.serviceMs = median(await sessionOf(lane).timeRuns(feeds, 15, 2)) / 1e6
    const search = options.qps === undefined && maxP99Ms !== undefined
    if (search) await searchRates(lanes, feeds, { maxP99Ms, seconds: maxSeconds / 2, seed, signal, onProgress })
    else for (const lane of lanes) lane.qps = options.qps ?? 500 / (lanes[0] as Served).serviceMs
    await runChunks(lanes, feeds, { seconds: search ? maxSeconds / 2 : maxSeconds, seed, signal, onProgress, warnings })
    if (search) await confirm(lanes, feeds, { maxP99Ms, seconds: maxSeconds / 2, seed, signal, onProgress, warnings })
  } finally {
    await close()
  }
  const { cpu, runtime } = machine()
  const rows = options.rows ?? Object.values(feeds)[0]?.dims[0] ?? 1
  const sameRate = new Set(lanes.map(({ qps }) => qps)).size === 1
  return {
    samples: lanes.map(({ latency }) => Float64Array.from(latency)),
    report: {
      kind: 'latency',
      version: 1,
      scenario: 'server',
      threads: options.threads ?? 1,
      batch: rows,
      cpu,
      runtime: lanes[0]?.engine ?? runtime,
      models: lanes.map((lane) => summaryOf(lane, rows, maxP99Ms)),
      // At different rates there is no ratio of latencies to speak of: the rates are the answer.
      ratios: sameRate ? ratiosOf(lanes) : [],
      warnings,
    },
  }
}

interface Run {
  readonly seconds: number
  readonly seed: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((line: string) => void) | undefined
}

/** Halves the range of every model's rate, the models by turns. */
async function searchRates(lanes: readonly Served[], feeds: Feeds, run: Run & { readonly maxP99Ms: number }) {
  const { seconds, seed, signal, onProgress, maxP99Ms } = run
  const searches = new Map<Served, Search>()
  for (const lane of lanes) {
    const service = await sessionOf(lane).timeRuns(feeds, Math.max(30, Math.min(500, Math.round(500 / lane.serviceMs))))
    searches.set(lane, startSearch(service, maxP99Ms, seed))
  }
  for (let trial = 0; trial < TRIALS; trial++)
    for (const lane of lanes) {
      signal?.throwIfAborted()
      const search = searches.get(lane) as Search
      const qps = search.next
      onProgress?.(`${lane.label}: trial ${trial + 1} of ${TRIALS} at ${qps.toPrecision(3)} queries/s`)
      const count = Math.max(100, Math.round((qps * seconds) / TRIALS / lanes.length))
      const arrivals = poissonArrivals({ qps, count, seed: seed + 7919 * (trial + 1) })
      const { latency } = await sessionOf(lane).timeArrivals(feeds, arrivals)
      searches.set(lane, narrowed(search, latency, maxP99Ms))
    }
  for (const lane of lanes) lane.qps = (searches.get(lane) as Search).held
}

async function runChunks(
  lanes: readonly Served[],
  feeds: Feeds,
  run: Run & { readonly warnings: string[] },
): Promise<void> {
  const { seconds, seed, signal, onProgress, warnings } = run
  const chunkSeconds = seconds / lanes.length / CHUNKS
  const answered = ({ serviceMs }: Served) => 1000 / serviceMs
  for (const lane of lanes)
    if (lane.qps >= answered(lane))
      warnings.push(
        `${lane.label} cannot keep up: ${lane.qps.toPrecision(3)} queries/s arrive, it answers ${answered(lane).toPrecision(3)}; its latencies grow for as long as the run lasts`,
      )
  for (let chunk = 0; chunk < CHUNKS; chunk++)
    for (const lane of chunk % 2 ? [...lanes].reverse() : lanes) {
      signal?.throwIfAborted()
      if (lane.qps === 0) continue
      onProgress?.(`${lane.label}: part ${chunk + 1} of ${CHUNKS} at ${lane.qps.toPrecision(3)} queries/s`)
      // What cannot be kept up with is cut where its time is over.
      const rate = Math.min(lane.qps, answered(lane))
      const count = Math.max(4, Math.round(rate * chunkSeconds))
      await serveChunk(lane, feeds, poissonArrivals({ qps: lane.qps, count, seed: seed + chunk }))
    }
}

async function serveChunk(lane: Served, feeds: Feeds, arrivals: Float64Array): Promise<void> {
  const { latency, service } = await sessionOf(lane).timeArrivals(feeds, arrivals)
  let sum = 0
  for (const ns of latency) {
    sum += ns
    lane.latency.push(ns)
  }
  for (const ns of service) lane.busy += ns
  lane.means.push(sum / latency.length)
  lane.span += (arrivals.at(-1) as number) + (latency.at(-1) as number)
}

/** Times that a rate is lowered: with four, three of eight searches ended with one that did not stand. */
const MOST_LOWERED = 8

/** A rate that broke the limit in the full run is lowered until one stands. */
async function confirm(
  lanes: readonly Served[],
  feeds: Feeds,
  run: Run & { readonly maxP99Ms: number; readonly warnings: string[] },
): Promise<void> {
  for (const lane of lanes) {
    if (lane.qps === 0) {
      run.warnings.push(
        `${lane.label}: no rate holds p99 under ${run.maxP99Ms} ms; one answer takes ${lane.serviceMs.toPrecision(3)} ms`,
      )
      continue
    }
    for (let attempt = 0; attempt < MOST_LOWERED && !stands(Float64Array.from(lane.latency), run.maxP99Ms); attempt++) {
      lane.qps = lowered(lane.qps)
      Object.assign(lane, { latency: [], means: [], busy: 0, span: 0 })
      await runChunks([lane], feeds, {
        ...run,
        seconds: run.seconds / lanes.length / 2,
        seed: run.seed + 101 * (attempt + 1),
      })
    }
  }
}

function ratiosOf(lanes: readonly Served[]): LatencyRatio[] {
  const [base, ...others] = lanes as [Served, ...Served[]]
  return others.map((other) => {
    const values = other.means.map((mean, chunk) => mean / (base.means[chunk] as number))
    return ratioOf(base, other, values)
  })
}

function summaryOf(lane: Served, rows: number, maxP99Ms: number | undefined): LatencyOf {
  const ns = Float64Array.from(lane.latency).sort()
  const at = (share: number) => (ns.length === 0 ? Number.NaN : nearestRank(ns, share) / 1e6)
  return {
    path: lane.label,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    throughput: lane.span === 0 ? 0 : (rows * ns.length) / (lane.span / 1e9),
    ...processFigures(lane),
    runs: ns.length,
    load: {
      qps: lane.qps,
      utilization: lane.span === 0 ? 0 : lane.busy / lane.span,
      queries: ns.length,
      maxP99Ms: maxP99Ms ?? null,
      valid: maxP99Ms === undefined ? null : lane.qps === 0 ? false : heldLimit(ns, 0.99, maxP99Ms),
    },
  }
}
