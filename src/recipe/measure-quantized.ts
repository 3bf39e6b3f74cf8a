import type { Dataset } from '../data/index.ts'
import { type Feeds, openPair, ortNode } from '../engine/index.ts'
import { measureBatchInvariance, measureLatency, measureLayers } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import { compareKernels } from '../passes/index.ts'
import type { QuantizationReport, Target } from '../report/index.ts'
import type { RunsOn } from './runs-on.ts'
import { samplesFor } from './samples.ts'

export interface MeasureQuantizedOptions {
  readonly data?: Dataset | undefined
  readonly target?: Target | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

export interface ReadKernels {
  readonly counts: Readonly<Record<string, number>> | null
  readonly reason?: string
  /** Planned integer kernels that did not come to be, with the likely reason. */
  readonly warnings: readonly string[]
}

/** The kernels that the runtime really uses, against what was planned. */
export async function readKernels(
  model: Model,
  planned: Readonly<Record<string, number>>,
  target: Target,
): Promise<ReadKernels> {
  if (target === 'web')
    return {
      counts: null,
      reason: 'onnxruntime-web cannot write down its optimised graph; only timing it there tells',
      warnings: [],
    }
  const read = await ortNode.kernels(model)
  if ('reason' in read) return { counts: null, reason: read.reason, warnings: [] }
  return { counts: read.counts, warnings: compareKernels(planned, read.counts).map(({ reason }) => reason) }
}

/** Noise at the outputs and by layer, and whether neighbours in a batch change an answer; with the inputs it was seen on. */
export async function measureDamage(before: Model, after: Model, place: RunsOn, options: MeasureQuantizedOptions) {
  options.onProgress?.('measuring the noise')
  const { feeds, batchInvariant } = await neighbours(after, place, options)
  // The model has shown in a process of its own that it runs; here its many inner values need not travel.
  const web = options.target === 'web'
  const open = web ? place.open : ortNode.open
  const base = await open(before, { arena: false })
  try {
    const candidate = await open(after, { arena: false })
    try {
      const { sqnrDb, layers } = await measureLayers(
        base,
        candidate,
        before,
        after,
        feeds.slice(0, 4),
        // One session with both models in it is at hand where their kernels are those of this runtime.
        web ? undefined : (names) => openPair(before, after, names),
      )
      return { sqnrDb, layers, batchInvariant, feeds }
    } finally {
      await candidate.close()
    }
  } finally {
    await base.close()
  }
}

/** Whether a row's answer depends on the rows beside it, and the inputs that this was seen on. */
async function neighbours(model: Model, place: RunsOn, options: MeasureQuantizedOptions) {
  const session = await place.open(model, { arena: false })
  try {
    const { feeds } = await samplesFor(session, {
      data: options.data,
      seed: options.seed,
      random: options.data && options.data.rows > 1 ? 1 : 2,
    })
    return { feeds, batchInvariant: await measureBatchInvariance(session, feeds.slice(0, 4)) }
  } finally {
    await session.close()
  }
}

/** Seconds that are enough to tell whether integers are faster than float. */
const TIMING_SECONDS = 4

/** Where no graph can be read back, timing against float by turns is the proof of what the kernels are worth. */
export async function timeIn(
  { open }: RunsOn,
  float: Model,
  quantized: Model,
  feeds: Feeds | undefined,
  { signal, onProgress }: MeasureQuantizedOptions,
): Promise<QuantizationReport['timing']> {
  if (!feeds) return undefined
  onProgress?.('timing against float')
  const subjects = [
    { label: 'float', model: float },
    { label: 'quantized', model: quantized },
  ]
  const { report } = await measureLatency(subjects, feeds, {
    open,
    maxSeconds: TIMING_SECONDS,
    generations: 2,
    ...(signal ? { signal } : {}),
  })
  const [base, other] = report.models
  return {
    runtime: report.runtime,
    threads: report.threads,
    floatP50Ms: base!.p50Ms,
    p50Ms: other!.p50Ms,
    ratio: report.ratios[0]!,
  }
}
