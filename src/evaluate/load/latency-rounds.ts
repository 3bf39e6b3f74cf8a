import { type Feeds, type IsolatedSession, machine } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LatencyOf, LatencyRatio } from '../../report/index.ts'
import { median, orderStatisticInterval, type RandomSource } from '../../statistics/index.ts'

/** What is known of one model after some generations of processes. */
export interface Lane {
  readonly label: string
  /** The process of this generation. */
  session?: IsolatedSession
  /** The runtime that ran it, by the sessions' own word. */
  engine?: string
  /** Nanoseconds of every timed run. */
  readonly ns: number[]
  /** Median milliseconds of each round's block. */
  readonly blocks: number[]
  /** Milliseconds of the load, of the first run, and bytes at the peak, by generation. */
  readonly loads: number[]
  readonly firsts: number[]
  readonly peaks: number[]
}

/** How a block is run: alike for all models, since a run's place in its block has an influence of its own. */
export interface BlockPlan {
  readonly runs: number
  /** Untimed runs at the start: what ran before took the caches. */
  readonly warm: number
}

/** A run as long as this keeps nothing of the block before in its caches worth a run that is thrown away. */
const LONG_RUN_MS = 50
const MAX_RUNS_PER_BLOCK = 500

/**
 * What other processes want of the machine, where it is more than it has. Ask before anything is measured: a measurement
 * keeps cores busy itself.
 */
export function otherWork(): readonly string[] {
  const { load, cores } = machine()
  return load !== null && load > cores
    ? [`the machine was busy: ${load.toFixed(1)} processes wanted its ${cores} cores`]
    : []
}

/** Opens a process for every lane; the function that it gives notes peaks and ends them. */
export async function openGeneration(
  lanes: readonly Lane[],
  open: (index: number) => Promise<IsolatedSession>,
  signal: AbortSignal | undefined,
): Promise<() => Promise<void>> {
  const close = async () => {
    for (const lane of lanes) {
      await lane.session?.close()
      delete lane.session
    }
  }
  try {
    for (const [index, lane] of lanes.entries()) {
      signal?.throwIfAborted()
      lane.session = await open(index)
      lane.engine = lane.session.engine
      lane.loads.push(lane.session.loadMs)
    }
  } catch (error) {
    await close()
    throw error
  }
  return async () => {
    try {
      if (!signal?.aborted) for (const lane of lanes) await noteEnd(lane)
    } finally {
      await close()
    }
  }
}

async function noteEnd({ session, firsts, peaks }: Lane): Promise<void> {
  if (!session) return
  if (session.firstMs !== null) firsts.push(session.firstMs)
  const { bytes } = await session.peakMemory().catch(() => ({ bytes: null }))
  if (bytes !== null) peaks.push(bytes)
}

/** Warms every process up; the plan is made once, from the model of middle speed. */
export async function planBlocks(
  lanes: readonly Lane[],
  feeds: Feeds,
  blockMs: number,
  plan: BlockPlan | null,
  signal: AbortSignal | undefined,
): Promise<BlockPlan> {
  const speeds: number[] = []
  for (const lane of lanes)
    speeds.push(
      await warmUp(lane, feeds, blockMs, signal).catch((error) => {
        throw lane === lanes[0] ? error : ofModel(lane.label, error)
      }),
    )
  const typical = median(speeds)
  return plan ?? { runs: runsFor(blockMs, typical), warm: typical > LONG_RUN_MS ? 0 : 1 }
}

/**
 * The plan of one round: now and then with one untimed run more. Blocks of always the same length would keep step with
 * whatever comes back every so many calls (a collection of garbage, a flush): where one run of two is timed, a stall in
 * every 50th call would be seen in one call of 25 or never, by how the count began.
 */
export const outOfStep = ({ runs, warm }: BlockPlan, random: RandomSource): BlockPlan => ({
  runs,
  warm: warm > 0 && random.below(8) === 0 ? warm + 1 : warm,
})

/** One block of every lane, in this order. */
export async function timeRound(
  order: readonly Lane[],
  feeds: Feeds,
  { runs, warm }: BlockPlan,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const lane of order) {
    signal?.throwIfAborted()
    const ns = await sessionOf(lane).timeRuns(feeds, runs, warm)
    for (const value of ns) lane.ns.push(value)
    lane.blocks.push(msOfRun(ns, sessionOf(lane)))
  }
}

/**
 * Milliseconds of a run in a block: the median of its runs, or, where that is less, the mean of their processor time. What
 * others took of the processor meanwhile is the machine's and not the model's: where more than ten processes wanted two
 * cores, ratios by the clock scattered by 21 % from pair to pair, and by 6 % so (a run of 17 ms).
 */
function msOfRun(ns: Float64Array, { ranNs }: Pick<IsolatedSession, 'ranNs'>): number {
  const ran = (ranNs ?? Number.POSITIVE_INFINITY) / ns.length
  return Math.min(median(ns), ran) / 1e6
}

/** The inputs are those that the first model takes: which other one does not. */
function ofModel(label: string, error: unknown): unknown {
  if (!(error instanceof UserError)) return error
  const hint = [...(error.hint ? [error.hint] : []), 'All models are run on the inputs of the first one.'].join(' ')
  return new UserError(error.code, error.message, { where: label, hint, cause: error })
}

/** Milliseconds of runs after which a model is warm, whether or not they are steady: on a busy machine they never are. */
const WARM_MS = 1000

/**
 * Runs until two blocks in a row agree within 5 %, at most 20 blocks and no more once they took `WARM_MS`; gives the
 * milliseconds of a run.
 */
async function warmUp(lane: Lane, feeds: Feeds, blockMs: number, signal: AbortSignal | undefined): Promise<number> {
  const session = sessionOf(lane)
  let before = msOfRun(await session.timeRuns(feeds, 1, 1), session)
  let spent = 2 * before
  for (let block = 0; block < 20 && spent < WARM_MS; block++) {
    signal?.throwIfAborted()
    const ns = await session.timeRuns(feeds, runsFor(blockMs, before))
    const ms = msOfRun(ns, session)
    spent += ns.reduce((sum, one) => sum + one, 0) / 1e6
    const steady = Math.abs(ms - before) <= 0.05 * before
    before = ms
    if (steady) break
  }
  return before
}

/** The lane's process, inside a generation. */
export function sessionOf(lane: Lane): IsolatedSession {
  if (!lane.session) throw new Error(`internal: ${lane.label} has no process in this generation`)
  return lane.session
}

/** Of the intervals of ratios. */
const CONFIDENCE = 0.95

/**
 * The median of paired ratios `other / base`, with the distribution-free interval of a median. Of too few pairs for
 * `CONFIDENCE` the whole range is the most that can be said.
 */
export function ratioOf(base: Lane, other: Lane, values: readonly number[]): LatencyRatio {
  const { ci } = orderStatisticInterval({ values, percentile: 0.5, confidence: CONFIDENCE })
  const ends: [number, number] = [ci[0] ?? Math.min(...values), ci[1] ?? Math.max(...values)]
  return { base: base.label, other: other.label, median: median(values), ci: ends }
}

/** What the processes of a lane took to load and to run first, and the bytes that they held at their peak. */
export const processFigures = ({
  loads,
  firsts,
  peaks,
}: Lane): Pick<LatencyOf, 'loadMs' | 'firstMs' | 'peakRssBytes' | 'peakRssBytesRange'> => ({
  loadMs: median(loads),
  ...(firsts.length > 0 ? { firstMs: median(firsts) } : {}),
  ...(peaks.length > 0
    ? { peakRssBytes: Math.round(median(peaks)), peakRssBytesRange: [Math.min(...peaks), Math.max(...peaks)] }
    : { peakRssBytes: null }),
})

const runsFor = (blockMs: number, ms: number) =>
  Math.max(1, Math.min(MAX_RUNS_PER_BLOCK, Math.ceil(blockMs / Math.max(ms, 1e-4))))
