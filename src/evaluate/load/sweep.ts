import type { Feeds, IsolatedSession } from '../../engine/index.ts'
import type { SweepPoint } from '../../report/index.ts'
import { median, nearestRank } from '../../statistics/index.ts'
import type { LatencySubject } from './latency.ts'

export interface SweepOptions {
  /** Opens the nth process of a model with so many threads. */
  readonly open: (subject: LatencySubject, threads: number, instance: number) => Promise<IsolatedSession>
  /** Inputs by rows at once: only those that the model takes. */
  readonly feeds: ReadonlyMap<number, Feeds>
  /** As many as threads and processes together may keep busy. */
  readonly cores: number
  /** For everything together. */
  readonly seconds: number
  readonly maxP99Ms?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((line: string) => void) | undefined
}

/** Speeds over rows at once × threads × processes. */
export interface Sweep {
  readonly points: readonly SweepPoint[]
  /** By model: the point with the most rows a second within the bound; null where none is. */
  readonly best: Readonly<Record<string, SweepPoint | null>>
}

/** Few runs say nothing of a 99th percentile: this many at least, however slow the model. */
const LEAST_RUNS = 20

/** Threads by processes that fit onto the cores, in powers of two and to the full. */
export function divisions(cores: number): readonly { readonly threads: number; readonly instances: number }[] {
  const sizes = [...new Set([1, 2, 4, 8, 16, 32, 64, cores])].filter((size) => size <= cores).sort((a, b) => a - b)
  return sizes.flatMap((threads) =>
    sizes.filter((instances) => threads * instances <= cores).map((instances) => ({ threads, instances })),
  )
}

/**
 * Rows a second and latency for every number of rows at once, threads and processes that the cores have room for; all
 * processes of a point run at the same time, without a pause. Models take turns within a point.
 */
export async function measureSweep(subjects: readonly LatencySubject[], options: SweepOptions): Promise<Sweep> {
  const { feeds, cores, signal, onProgress } = options
  const all = divisions(cores)
  const seconds = options.seconds / (all.length * feeds.size * subjects.length)
  const points: SweepPoint[] = []
  for (const threads of new Set(all.map((division) => division.threads)))
    for (const subject of subjects) {
      const counts = all.filter((division) => division.threads === threads).map(({ instances }) => instances)
      const sessions: IsolatedSession[] = []
      try {
        for (let i = 0; i < Math.max(...counts); i++) {
          signal?.throwIfAborted()
          sessions.push(await options.open(subject, threads, i))
        }
        for (const instances of counts)
          for (const [batch, fed] of feeds) {
            signal?.throwIfAborted()
            onProgress?.(`${subject.label}: ${instances} × ${threads} threads, ${batch} rows at once`)
            const measured = await runTogether(sessions.slice(0, instances), fed, seconds)
            points.push(pointOf(subject.label, { batch, threads, instances }, measured, options.maxP99Ms))
          }
      } finally {
        for (const session of sessions) await session.close()
      }
    }
  const marked = points.map((point) => ({ ...point, onFront: !points.some((other) => beats(other, point)) }))
  const best = subjects.map(({ label }) => [label, bestOf(marked.filter(({ path }) => path === label))] as const)
  return { points: marked, best: Object.fromEntries(best) }
}

/** Nanoseconds of every run, process by process. */
async function runTogether(sessions: readonly IsolatedSession[], feeds: Feeds, seconds: number) {
  const warm = await Promise.all(sessions.map((session) => session.timeRuns(feeds, 3, 1)))
  const ns = median(warm.flatMap((times) => [...times]))
  const count = Math.max(LEAST_RUNS, Math.round((seconds * 1e9) / ns))
  return Promise.all(sessions.map((session) => session.timeRuns(feeds, count)))
}

function pointOf(
  path: string,
  settings: { readonly batch: number; readonly threads: number; readonly instances: number },
  measured: readonly Float64Array[],
  maxP99Ms: number | undefined,
): SweepPoint {
  const rate = (times: Float64Array) => (settings.batch * times.length * 1e9) / times.reduce((sum, ns) => sum + ns, 0)
  const sorted = Float64Array.from(measured.flatMap((times) => [...times])).sort()
  const at = (share: number) => nearestRank(sorted, share) / 1e6
  return {
    path,
    ...settings,
    throughput: measured.reduce((sum, times) => sum + rate(times), 0),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    runs: sorted.length,
    withinBound: maxP99Ms === undefined || at(0.99) <= maxP99Ms,
    onFront: false,
  }
}

const beats = (a: SweepPoint, b: SweepPoint) =>
  a.path === b.path &&
  a.throughput >= b.throughput &&
  a.p99Ms <= b.p99Ms &&
  (a.throughput > b.throughput || a.p99Ms < b.p99Ms)

const bestOf = (points: readonly SweepPoint[]): SweepPoint | null =>
  points.reduce<SweepPoint | null>(
    (best, point) => (point.withinBound && (!best || point.throughput > best.throughput) ? point : best),
    null,
  )
