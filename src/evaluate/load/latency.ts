import { type Feeds, type IsolatedSession, machine, type OrtSessionOptions, openIsolated } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LatencyOf, LatencyRatio, LatencyReport } from '../../report/index.ts'
import { mean, nearestRank, randomSource } from '../../statistics/index.ts'
import {
  type BlockPlan,
  type Lane,
  openGeneration,
  otherWork,
  outOfStep,
  planBlocks,
  processFigures,
  ratioOf,
  timeRound,
} from './latency-rounds.ts'

/** A model to time: by path or as a value. `label` names it in the report. */
export interface LatencySubject {
  readonly label: string
  readonly model: Model | string
}

export interface LatencyOptions extends OrtSessionOptions {
  /**
   * Milliseconds that one block of runs should take for the model of median speed; short, so that noise hits all models
   * alike.
   */
  readonly blockMs?: number | undefined
  /** Rounds (one block of each model) before the measurement may stop. */
  readonly minRounds?: number | undefined
  /** Runs of each model before the measurement may stop, for high percentiles; `maxSeconds` may end it earlier. */
  readonly minRuns?: number | undefined
  /**
   * Seconds after which it stops, precise or not. Warm-up and 4 rounds are always done, and the rounds that an interval
   * needs may take up to twice the time.
   */
  readonly maxSeconds?: number | undefined
  /** Least number of generations of processes over which the rounds are spread; 3 by default. */
  readonly generations?: number | undefined
  /** Rows in `feeds`, for the throughput; the first dimension of the first input by default. */
  readonly rows?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: { readonly rounds: number; readonly seconds: number }) => void) | undefined
  /** Opens a session; replaced in tests. */
  readonly open?: ((model: Model | string, options: OrtSessionOptions) => Promise<IsolatedSession>) | undefined
  /** Milliseconds from any origin; replaced in tests. */
  readonly now?: (() => number) | undefined
}

/** Rounds that are done however long they take. */
const FEWEST_ROUNDS = 4
/**
 * Rounds without which there is no interval: of five pairs all lie on one side of the median in one case of sixteen, of six
 * in one of thirty-two.
 */
const ROUNDS_FOR_INTERVAL = 12

/** Half-width of the interval, relative to the ratio, that is precise enough. */
const PRECISION = 0.01

/** The report, and the figures that it was made from. */
export interface LatencyMeasurement {
  readonly report: LatencyReport
  /** Rounds that the ratios come from. */
  readonly rounds: number
  /** Nanoseconds of every timed run, model by model. */
  readonly samples: readonly Float64Array[]
}

/**
 * Times models against the first one. Every model lives in a process of its own and only one runs at any time; rounds
 * go A B C, C B A, then B C A, A C B …, so that drift of the machine meets all alike. Two rounds together (A B B A) give
 * one ratio other / base, of the geometric means of the block medians: a model that ends one round and begins the next
 * has an advantage, which the two rounds give to each in turn. The report holds the median of these ratios with the
 * order-statistic interval. Runs of one thread leave out the processor time of other processes. Stops when every
 * interval's half-width is below `PRECISION`, or when the time is up.
 *
 * Two processes with the very same model differ by a percent or so for as long as they live, because of how their
 * memory is laid out. So the rounds are spread over several generations of processes, whose loads are timed as well.
 *
 * @throws UserError where a model cannot be loaded or run, and when `signal` aborts the reason that it carries.
 */
export async function measureLatency(
  subjects: readonly LatencySubject[],
  feeds: Feeds,
  options: LatencyOptions = {},
): Promise<LatencyMeasurement> {
  const { blockMs = 5, minRounds = 60, maxSeconds = 30, signal } = options
  const { generations = 3, now = () => performance.now() } = options
  const open = (subject: LatencySubject) => (options.open ?? openIsolated)(subject.model, sessionOptions(options))
  if (subjects.length === 0) throw new UserError('bad-argument', 'There is no model to time.')
  const busy = otherWork()
  const lanes = subjects.map(
    (subject): Lane => ({ label: subject.label, ns: [], blocks: [], loads: [], firsts: [], peaks: [] }),
  )
  let plan: BlockPlan | null = null
  const random = randomSource(1)
  let rounds = 0
  let look = minRounds
  let start: number | null = null
  const late = () => {
    if (start === null || rounds < FEWEST_ROUNDS) return false
    const most = rounds < ROUNDS_FOR_INTERVAL && subjects.length > 1 ? 2 * maxSeconds : maxSeconds
    return (now() - start) / 1000 > most
  }
  for (let generation = 1; ; generation++) {
    const close = await openGeneration(lanes, (index) => open(subjects[index] as LatencySubject), signal)
    try {
      plan = await planBlocks(lanes, feeds, blockMs, plan, signal)
      look = Math.max(look, 2 * Math.ceil((options.minRuns ?? 0) / plan.runs / 2))
      start ??= now()
      const end = generation < generations ? Math.round((look * generation) / generations) : look
      // Two rounds together are A B B A: an even count keeps every model as often first as last.
      do {
        const order = orderOf(lanes, rounds >> 1)
        await timeRound(order, feeds, outOfStep(plan, random), signal)
        await timeRound([...order].reverse(), feeds, outOfStep(plan, random), signal)
        rounds += 2
        options.onProgress?.({ rounds, seconds: (now() - start) / 1000 })
      } while (rounds < end && !late())
    } finally {
      await close()
    }
    if (late()) break
    if (rounds < look || generation < generations) continue
    if (ratiosOf(lanes).every(isPrecise)) break
    // Each look that may end the measurement costs a little of the interval's confidence, so there are few.
    look = Math.ceil(rounds * 1.5)
  }
  const ratios = ratiosOf(lanes)
  const rows = options.rows ?? Object.values(feeds)[0]?.dims[0] ?? 1
  return {
    rounds,
    samples: lanes.map((lane) => Float64Array.from(lane.ns)),
    report: {
      kind: 'latency',
      version: 1,
      scenario: 'single-stream',
      threads: options.threads ?? 1,
      batch: rows,
      cpu: machine().cpu,
      runtime: lanes[0]?.engine ?? machine().runtime,
      models: lanes.map((lane) => summary(lane, rows)),
      ratios,
      warnings: [...imprecise(ratios, rounds), ...busy],
    },
  }
}

/**
 * The model that starts changes from pair to pair. One that ends a round begins the next, so it runs twice in a row and
 * finds its caches warm, which was worth up to 6 % among more than two models. Of two, each does so in turn anyway.
 */
function orderOf(lanes: readonly Lane[], pair: number): readonly Lane[] {
  const start = lanes.length > 2 ? pair % lanes.length : 0
  return [...lanes.slice(start), ...lanes.slice(0, start)]
}

/** Median of the ratios other / base over pairs of rounds and its distribution-free interval. */
function ratiosOf(lanes: readonly Lane[]): LatencyRatio[] {
  const [base, ...others] = lanes as [Lane, ...Lane[]]
  return others.map((other) => {
    const values = Array.from(
      { length: other.blocks.length >> 1 },
      (_, pair) => pairMs(other, pair) / pairMs(base, pair),
    )
    return ratioOf(base, other, values)
  })
}

const pairMs = ({ blocks }: Lane, pair: number) =>
  Math.sqrt((blocks[2 * pair] as number) * (blocks[2 * pair + 1] as number))

function summary(lane: Lane, rows: number): LatencyOf {
  const sorted = Float64Array.from(lane.ns).sort()
  const at = (share: number) => nearestRank(sorted, share) / 1e6
  return {
    path: lane.label,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    throughput: (rows * 1000) / (mean(sorted) / 1e6),
    ...processFigures(lane),
    runs: sorted.length,
  }
}

function sessionOptions({ threads, optimization, baseDir, config }: LatencyOptions): OrtSessionOptions {
  return { threads, optimization, baseDir, config }
}

/** Which ratios are known less well than was asked for. */
const imprecise = (ratios: readonly LatencyRatio[], rounds: number): readonly string[] =>
  ratios
    .filter((ratio) => !isPrecise(ratio))
    .map(
      (ratio) =>
        `${ratio.other} against ${ratio.base}: after ${rounds} rounds their ratio is known to ±${percent(Math.ceil(halfWidth(ratio) * 1000) / 1000)}, not to ±${percent(PRECISION)}`,
    )

const halfWidth = (ratio: LatencyRatio) => (ratio.ci[1] - ratio.ci[0]) / 2 / ratio.median
const isPrecise = (ratio: LatencyRatio) => halfWidth(ratio) < PRECISION
const percent = (share: number) => `${(share * 100).toFixed(1)} %`
