import type { ByteTensor, Lanes, PortValue } from '../../engine/index.ts'
import { RANDOM_OPERATORS } from '../../ir/index.ts'
import { joinRows, rowsOf } from './batch-rows.ts'

/** How a model is run here: sessions, threads of each, and rows worth sharing a run. */
export interface Plan {
  readonly instances: number
  readonly threads: number
  readonly maxBatch: number
  /** Milliseconds that a run takes beyond its rows: what a row saves by joining a run; 0 where nobody measured. */
  readonly fixedMs: number
}

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
/** Milliseconds of each measurement. */
const MEASURE_MS = 40
const MEASUREMENTS = 5

/**
 * Sessions × threads and the size of batches by measurement on one row of sample data: batches double while rows a
 * second still rise by 5 %, or do not fall while a run stays short; then one session a core with one thread each is
 * compared with one session that has all threads. Without samples: one session a core, batches of up to 32 where they
 * are allowed.
 *
 * Leaves lanes 0 … `instances` − 1 open with `threads` threads.
 */
export async function planRun(
  lanes: Lanes,
  wish: PlanWish,
  sample: readonly ByteTensor[] | null,
  batchable: boolean,
): Promise<Plan> {
  const cores = lanes.capacity
  // The best of several: other programs make a measurement worse, never better.
  const rate = async (rows: number, open: number) => {
    let best = 0
    for (let i = 0; i < MEASUREMENTS; i++) best = Math.max(best, await rowRate(lanes, sample!, rows, open, MEASURE_MS))
    return best
  }
  const maxBatch = !batchable
    ? 1
    : (wish.maxBatch ?? (sample && rowsOf(sample) === 1 ? await bestBatch((rows) => rate(rows, 1)) : LARGEST_BATCH))
  const fixedMs = maxBatch > 1 && sample ? fixedCost(await rate(1, 1), await rate(maxBatch, 1), maxBatch) : 0
  if (wish.threads !== null && wish.threads > 1) await lanes.open(0, { threads: wish.threads })
  let instances = wish.instances ?? Math.max(1, Math.floor(cores / (wish.threads ?? 1)))
  let threads = wish.threads ?? 1
  for (let lane = 1; lane < instances; lane++) await lanes.open(lane, { threads })
  if (wish.instances === null && wish.threads === null && sample && cores > 1) {
    const many = await rate(maxBatch, instances)
    const one = await rate(maxBatch, 1)
    // Sessions that share a core or the memory's width are weight without use.
    if (many < one * GAIN) {
      for (let lane = 1; lane < instances; lane++) await lanes.close(lane)
      instances = 1
    }
    await lanes.open(0, { threads: cores })
    const wide = await rate(maxBatch, 1)
    if (wide > Math.max(many, one) * GAIN_OF_THREADS) {
      for (let lane = 1; lane < instances; lane++) await lanes.close(lane)
      instances = 1
      threads = cores
    } else await lanes.open(0, { threads })
  }
  return { instances, threads, maxBatch, fixedMs }
}

/** Rows a second of the first `open` lanes together, each running `rows` copies of a row on end for `ms` milliseconds. */
export async function rowRate(
  lanes: Lanes,
  row: readonly ByteTensor[],
  rows: number,
  open: number,
  ms: number,
): Promise<number> {
  const inputs = joinRows(Array.from({ length: rows }, () => row))
  const runs = await Promise.all(Array.from({ length: open }, (_, lane) => lanes.spin(lane, inputs, ms)))
  return rows * runs.reduce((sum, one) => sum + one, 0)
}

/** From the rows a second of single runs and of full ones: a run of n rows takes `fixed + n × each` milliseconds. */
export function fixedCost(single: number, full: number, rows: number): number {
  const [one, all] = [1000 / single, (1000 * rows) / full]
  return Math.max(0, one - (all - one) / (rows - 1))
}

async function bestBatch(rate: (rows: number) => Promise<number>): Promise<number> {
  let best = 1
  let reached = await rate(1)
  for (let rows = 2; rows <= LARGEST_BATCH; rows *= 2) {
    const now = await rate(rows)
    const short = now * GAIN >= reached && (1000 * rows) / now <= SHORT_MS
    if (now < reached * GAIN && !short) break
    best = rows
    reached = Math.max(reached, now)
  }
  return best
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
