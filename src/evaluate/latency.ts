import { type Feeds, type IsolatedSession, machine, type OrtSessionOptions, openIsolated } from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { LatencyOf, LatencyRatio, LatencyReport } from '../report/index.ts'
import { orderStatisticInterval } from '../statistics/index.ts'

/** A model to time: by path or as a value. `label` names it in the report. */
export interface LatencySubject {
  readonly label: string
  readonly model: Model | string
}

export interface LatencyOptions extends OrtSessionOptions {
  /**
   * Milliseconds that one block of runs should take, for the model of middle speed; short, so that noise meets all
   * models alike.
   */
  readonly blockMs?: number
  /** Rounds (one block of each model) before the measurement may stop. */
  readonly minRounds?: number
  /** Seconds after which it stops, precise or not. Warming and at least 4 rounds are always done. */
  readonly maxSeconds?: number
  /** Half-width of the interval, relative to the ratio, that is precise enough. */
  readonly precision?: number
  readonly confidence?: number
  /** Loads of each model after its first, in its own process; 3 unless said. None where the first takes over 2 s. */
  readonly loads?: number
  /** Rows in `feeds`, for the throughput; else the first dimension of the first input. */
  readonly rows?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: { readonly rounds: number; readonly seconds: number }) => void
  /** Opens a session; replaced in tests. */
  readonly open?: (model: Model | string, options: OrtSessionOptions) => Promise<IsolatedSession>
  /** Milliseconds from any origin; replaced in tests. */
  readonly now?: () => number
}

export interface LatencyMeasurement {
  readonly report: LatencyReport
  /** Rounds that the ratios come from. */
  readonly rounds: number
}

interface Lane {
  readonly subject: LatencySubject
  readonly session: IsolatedSession
  readonly ns: number[]
  /** Median milliseconds of each round's block. */
  readonly blocks: number[]
  /** Milliseconds of the loads after the first. */
  readonly loads: number[]
}

/** How a block is run: alike for all models, since a run's place in its block has an influence of its own. */
interface BlockPlan {
  readonly runs: number
  readonly warm: number
}

/** A run as long as this keeps nothing of the block before in its caches worth a run that is thrown away. */
const LONG_RUN_MS = 50
const MAX_RUNS_PER_BLOCK = 500
const SLOW_LOAD_MS = 2000

/**
 * Times models against the first one. Every model lives in a process of its own and only one runs at any time; rounds
 * go A B C, C B A, A B C …, so that drift of the machine meets all alike. Each round gives one ratio other / base of
 * block medians; the report holds the median of these ratios with the order-statistic interval. Stops when every
 * interval's half-width is below `precision`, or when the time is up.
 *
 * Every block has as many runs. Within it every model makes one untimed run first (unless runs are long), since the others' runs took its cache.
 *
 * @throws UserError where a model cannot be loaded or run, and when `signal` aborts the reason that it carries.
 */
export async function measureLatency(
  subjects: readonly LatencySubject[],
  feeds: Feeds,
  options: LatencyOptions = {},
): Promise<LatencyMeasurement> {
  const { blockMs = 10, minRounds = 30, maxSeconds = 30, precision = 0.01, confidence = 0.95, signal } = options
  const { open = openIsolated, now = () => performance.now() } = options
  if (subjects.length === 0) throw new UserError('bad-argument', 'There is no model to time.')
  const loadBefore = machine().load
  const lanes: Lane[] = []
  try {
    for (const subject of subjects) {
      signal?.throwIfAborted()
      const session = await open(subject.model, sessionOptions(options))
      lanes.push({ subject, session, ns: [], blocks: [], loads: [] })
    }
    const speeds: number[] = []
    for (const lane of lanes) speeds.push(await warmUp(lane, feeds, blockMs, signal))
    const typical = median(speeds)
    const plan: BlockPlan = { runs: runsFor(blockMs, typical), warm: typical > LONG_RUN_MS ? 0 : 1 }
    const start = now()
    const seconds = () => (now() - start) / 1000
    let rounds = 0
    let look = minRounds
    while (true) {
      // Two rounds together are A B B A: an even count keeps every model as often first as last.
      for (const order of [lanes, [...lanes].reverse()]) {
        for (const lane of order) {
          signal?.throwIfAborted()
          await timeBlock(lane, feeds, plan)
        }
        rounds++
      }
      options.onProgress?.({ rounds, seconds: seconds() })
      if (rounds >= 4 && seconds() > maxSeconds) break
      if (rounds < look) continue
      if (ratiosOf(lanes, confidence).every((ratio) => preciseTo(ratio, precision))) break
      // Few looks: every look that may end the measurement costs a little of the interval's confidence.
      look = Math.ceil(rounds * 1.5)
    }
    const models: LatencyOf[] = []
    const rows = options.rows ?? Object.values(feeds)[0]?.dims[0] ?? 1
    const peaks = new Map<Lane, number | null>()
    for (const lane of lanes) peaks.set(lane, (await lane.session.peakMemory()).bytes)
    await timeLoads(lanes, options.loads ?? 3, signal)
    for (const lane of lanes) models.push(summary(lane, rows, peaks.get(lane) ?? null))
    const ratios = ratiosOf(lanes, confidence)
    const { cpu, cores, runtime } = machine()
    return {
      rounds,
      report: {
        kind: 'latency',
        version: 1,
        scenario: 'single-stream',
        threads: options.threads ?? 1,
        batch: rows,
        cpu,
        runtime,
        models,
        ratios,
        warnings: [
          ...ratios
            .filter((ratio) => !preciseTo(ratio, precision))
            .map(
              (ratio) =>
                `${ratio.other} / ${ratio.base}: after ${rounds} rounds the interval is still ±${percent(halfWidth(ratio))} wide, not ±${percent(precision)}`,
            ),
          ...(loadBefore !== null && loadBefore > cores
            ? [`the machine was busy: ${loadBefore.toFixed(1)} processes wanted its ${cores} cores`]
            : []),
        ],
      },
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.session.close()))
  }
}

/** Whether the whole interval of the ratio lies below `limit`: 1.02 is "not slower", 1 is "faster". */
export function ratioIntervalBelow(ratio: LatencyRatio, limit: number): boolean {
  return ratio.ci[1] < limit
}

/** Runs until two blocks in a row agree within 5 %, at most 20 blocks; gives the milliseconds of a run. */
async function warmUp(lane: Lane, feeds: Feeds, blockMs: number, signal: AbortSignal | undefined): Promise<number> {
  let before = median(await lane.session.timeRuns(feeds, 1, 1)) / 1e6
  for (let block = 0; block < 20; block++) {
    signal?.throwIfAborted()
    const ms = median(await lane.session.timeRuns(feeds, runsFor(blockMs, before))) / 1e6
    const steady = Math.abs(ms - before) <= 0.05 * before
    before = ms
    if (steady) break
  }
  return before
}

/** Loads every model again, in turn: the first load also pays for what the others find in the system's caches. */
async function timeLoads(lanes: readonly Lane[], count: number, signal: AbortSignal | undefined): Promise<void> {
  for (let i = 0; i < count; i++)
    for (const lane of lanes) {
      signal?.throwIfAborted()
      if (lane.session.loadMs <= SLOW_LOAD_MS) lane.loads.push(await lane.session.timeLoad())
    }
}

const runsFor = (blockMs: number, ms: number) =>
  Math.max(1, Math.min(MAX_RUNS_PER_BLOCK, Math.ceil(blockMs / Math.max(ms, 1e-4))))

async function timeBlock(lane: Lane, feeds: Feeds, { runs, warm }: BlockPlan): Promise<void> {
  const ns = await lane.session.timeRuns(feeds, runs, warm)
  for (const value of ns) lane.ns.push(value)
  lane.blocks.push(median(ns) / 1e6)
}

/** Median of the per-round ratios other / base and its distribution-free interval. */
function ratiosOf(lanes: readonly Lane[], confidence: number): LatencyRatio[] {
  const [base, ...others] = lanes as [Lane, ...Lane[]]
  return others.map((other) => {
    const values = other.blocks.map((ms, round) => ms / (base.blocks[round] as number))
    const { ci } = orderStatisticInterval({ values, percentile: 0.5, confidence })
    // Too few rounds for the confidence: the whole range is the most that can be said.
    const low = ci[0] ?? Math.min(...values)
    const high = ci[1] ?? Math.max(...values)
    return { base: base.subject.label, other: other.subject.label, median: median(values), ci: [low, high] }
  })
}

function summary(lane: Lane, rows: number, peakRssBytes: number | null): LatencyOf {
  const sorted = Float64Array.from(lane.ns).sort()
  const at = (share: number) => (sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number) / 1e6
  const meanMs = sorted.reduce((sum, ns) => sum + ns, 0) / sorted.length / 1e6
  const { firstMs, loadMs } = lane.session
  return {
    path: lane.subject.label,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    throughput: (rows * 1000) / meanMs,
    loadMs: lane.loads.length > 0 ? median(lane.loads) : loadMs,
    ...(firstMs === null ? {} : { firstMs }),
    peakRssBytes,
    runs: sorted.length,
  }
}

function sessionOptions({ threads, optimization, baseDir, config }: LatencyOptions): OrtSessionOptions {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(optimization === undefined ? {} : { optimization }),
    ...(baseDir === undefined ? {} : { baseDir }),
    ...(config === undefined ? {} : { config }),
  }
}

const halfWidth = (ratio: LatencyRatio) => (ratio.ci[1] - ratio.ci[0]) / 2 / ratio.median
const preciseTo = (ratio: LatencyRatio, precision: number) => halfWidth(ratio) < precision
const percent = (share: number) => `${(share * 100).toFixed(1)} %`

function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 ? (sorted[half] as number) : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2
}
