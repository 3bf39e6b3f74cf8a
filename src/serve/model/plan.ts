import type { ByteTensor, Lanes, PortValue } from '../../engine/index.ts'
import { RANDOM_OPERATORS } from '../../ir/index.ts'
import { joinRows, rowsOf } from './batch-rows.ts'

/** How a model is run here: sessions, threads of each, and rows worth sharing a run. */
export interface Plan {
  readonly instances: number
  readonly threads: number
  readonly maxBatch: number
  /** Rows that a run may have where so many wait that each lane has as many: they gain nothing but trips to the lane. */
  readonly crowdBatch: number
  /** Milliseconds that a run takes beyond its rows: what a row saves by joining a run; 0 where it was not measured. */
  readonly fixedMs: number
}

/** What the user fixed of how a version runs; what is null is measured. */
export interface PlanWish {
  /** null: as many as measure best. */
  readonly instances: number | null
  readonly threads: number | null
  readonly maxBatch: number | null
}

/** Rows of a run beyond which nothing is gained on processors; also the bound where batches were not measured. */
const LARGEST_BATCH = 32
/** Doubling a batch, or another way of using the cores, must give this much more to be worth it. */
const GAIN = 1.05
/**
 * What one session with all threads must give over one session a core: it is measured while nobody asks, and its threads
 * wait for one another on cores that requests need as well.
 */
const GAIN_OF_THREADS = 1.2
/** A run this short may be shared without gain of its own: one trip to the process instead of several is the gain. */
const SHORT_MS = 6
/** And what its rows may take more than in smaller runs. */
const LOSS_OF_SHORT = 1.1
/** A run this long may be shared in a crowd: whoever is in it waited longer for a lane than it makes them wait. */
const CROWD_RUN_MS = 60
/** And what its rows may take more than in smaller runs: a trip saves more than that of a run's milliseconds. */
const LOSS_IN_CROWD = 1.03
/** Milliseconds of each measurement. */
const MEASURE_MS = 40
const MEASUREMENTS = 5

/** Does what must not have other measurements beside it. */
export type Alone = <T>(measure: () => Promise<T>) => Promise<T>

/** What lanes do together with runs of a size. */
export interface Speed {
  /** Rows a second. */
  readonly perSecond: number
  /** Processor milliseconds that a row takes; other programs make it hardly longer, as they do with the time on the wall. */
  readonly cpuMs: number
}

/**
 * Sessions × threads and the size of batches by measurement on one row of sample data: batches double while the
 * processor time of a row still falls by 5 %, or does not rise by more than 10 % while a run stays short, and in a crowd
 * go on doubling while it does not rise; then one session a core with one thread each is compared with one session
 * alone, by turns, and with one that has all threads. Without samples: one session a core, batches of up to 32 where
 * they are allowed.
 *
 * The comparison is of cores that work together, so it is done `alone`, as far as other loads go.
 *
 * Leaves lanes 0 … `instances` − 1 open with `threads` threads.
 */
export async function planRun(
  lanes: Lanes,
  wish: PlanWish,
  sample: readonly ByteTensor[] | null,
  batchable: boolean,
  alone: Alone = (measure) => measure(),
): Promise<Plan> {
  const cores = lanes.capacity
  const cost = async (rows: number) => best(await repeated(() => rowSpeed(lanes, sample!, rows, 1, MEASURE_MS))).cpuMs
  const given = !batchable ? 1 : (wish.maxBatch ?? (sample && rowsOf(sample) === 1 ? null : LARGEST_BATCH))
  const { maxBatch, crowdBatch } = given === null ? await bestBatches(cost) : { maxBatch: given, crowdBatch: given }
  const fixedMs = maxBatch > 1 && sample ? fixedCost(await cost(1), await cost(maxBatch), maxBatch) : 0
  if (wish.threads !== null && wish.threads > 1) await lanes.open(0, { threads: wish.threads })
  let instances = wish.instances ?? Math.max(1, Math.floor(cores / (wish.threads ?? 1)))
  let threads = wish.threads ?? 1
  for (let lane = 1; lane < instances; lane++) await lanes.open(lane, { threads })
  const closeOthers = async () => {
    for (let lane = 1; lane < instances; lane++) await lanes.close(lane)
    instances = 1
  }
  const compareWays = async (sample: readonly ByteTensor[]) => {
    const speed = (open: number) => rowSpeed(lanes, sample, maxBatch, open, MEASURE_MS)
    const pairs = await repeated(async () => ({ one: await speed(1), many: await speed(instances) }))
    const one = best(pairs.map((pair) => pair.one))
    const many = best(pairs.map((pair) => pair.many))
    // Sessions that share the memory's width are weight without use: each row takes longer of its processor. How many
    // rows came out would say the same, on a machine that does nothing else.
    if ((instances * one.cpuMs) / many.cpuMs < GAIN) await closeOthers()
    await lanes.open(0, { threads: cores })
    const wide = best(await repeated(() => speed(1)))
    const narrow = Math.max(1 / one.cpuMs, cores / many.cpuMs)
    if (
      wide.perSecond > Math.max(one.perSecond, many.perSecond) * GAIN_OF_THREADS &&
      cores / wide.cpuMs > narrow * GAIN_OF_THREADS
    ) {
      await closeOthers()
      threads = cores
    } else await lanes.open(0, { threads })
  }
  if (wish.instances === null && wish.threads === null && sample && cores > 1) await alone(() => compareWays(sample))
  return { instances, threads, maxBatch, crowdBatch, fixedMs }
}

async function repeated<T>(measure: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = []
  for (let i = 0; i < MEASUREMENTS; i++) results.push(await measure())
  return results
}

/** The best of several, each number for itself: other programs make a measurement worse, never better. */
const best = (speeds: readonly Speed[]): Speed => ({
  perSecond: Math.max(...speeds.map(({ perSecond }) => perSecond)),
  cpuMs: Math.min(...speeds.map(({ cpuMs }) => cpuMs)),
})

/** The first `open` lanes together, each running `rows` copies of a row on end for `ms` milliseconds. */
export async function rowSpeed(
  lanes: Lanes,
  row: readonly ByteTensor[],
  rows: number,
  open: number,
  ms: number,
): Promise<Speed> {
  const inputs = joinRows(Array.from({ length: rows }, () => row))
  const runs = await Promise.all(Array.from({ length: open }, (_, lane) => lanes.spin(lane, inputs, ms)))
  const perSecond = rows * runs.reduce((sum, { rate }) => sum + rate, 0)
  const processors = runs.reduce((sum, one) => sum + one.processors, 0) / open
  return { perSecond, cpuMs: (1000 * processors) / perSecond }
}

/** From what a row takes in single runs and in full ones, in milliseconds: a run of n rows takes `fixed + n × each`. */
export function fixedCost(single: number, full: number, rows: number): number {
  return Math.max(0, single - (rows * full - single) / (rows - 1))
}

/** `cost` gives what a row takes in a run of so many, in milliseconds. */
export async function bestBatches(
  cost: (rows: number) => Promise<number>,
): Promise<{ readonly maxBatch: number; readonly crowdBatch: number }> {
  let maxBatch = 1
  let crowdBatch = 1
  let reached = await cost(1)
  for (let rows = 2; rows <= LARGEST_BATCH; rows *= 2) {
    const now = await cost(rows)
    const short = now <= reached * LOSS_OF_SHORT && rows * now <= SHORT_MS
    const always = maxBatch === crowdBatch && (now * GAIN <= reached || short)
    if (!always && (now > reached * LOSS_IN_CROWD || rows * now > CROWD_RUN_MS)) break
    crowdBatch = rows
    if (always) maxBatch = rows
    reached = Math.min(reached, now)
  }
  return { maxBatch, crowdBatch }
}

/**
 * Why rows of different requests must not share a run, or null where they may: the answer to a row must not depend on
 * its neighbours. Operators that take one scale from the whole batch decide it without a run.
 */
export function batchObstacle(
  inputs: readonly PortValue[],
  operators: Readonly<Record<string, number>>,
): string | null {
  const fixed = inputs.find(({ shape }) => shape === null || shape.length === 0 || typeof shape[0] === 'number')
  if (fixed) return `input '${fixed.name}' has no open first dimension`
  const shared = SHARED_SCALES.filter((operator) => operators[operator])
  return shared.length > 0
    ? `${shared.join(' and ')} take${shared.length === 1 ? 's' : ''} one scale from the whole batch`
    : null
}

/** Operators whose scale is that of everything in the run. */
const SHARED_SCALES = ['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM'] as const

/** Whether the same inputs always give the same outputs. */
export const isDeterministic = (operators: Readonly<Record<string, number>>): boolean =>
  [...RANDOM_OPERATORS].every((operator) => !operators[operator])
