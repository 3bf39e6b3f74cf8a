import type { Dataset } from '../data/index.ts'
import { type Feeds, type IsolatedSession, openPair, ortNode } from '../engine/index.ts'
import { measureBatchInvariance, measureLatency, measureLayers } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import { compareKernels, namedAsFound } from '../passes/index.ts'
import type { QuantizationReport, Target } from '../report/index.ts'
import type { RunsOn } from './runs-on.ts'
import { samplesFor } from './samples.ts'
import { LEAN } from './simplify.ts'
import { together } from './together.ts'

export interface MeasureQuantizedOptions {
  readonly data?: Dataset | undefined
  readonly target?: Target | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

export interface ReadKernels {
  /** The plan, by the names of the kernels that the runtime chose within a family; as given where nothing was read. */
  readonly planned: Readonly<Record<string, number>>
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
      planned,
      counts: null,
      reason: 'onnxruntime-web cannot write down its optimised graph; only timing it there tells',
      warnings: [],
    }
  const read = await ortNode.kernels(model)
  if ('reason' in read) return { planned, counts: null, reason: read.reason, warnings: [] }
  return {
    planned: namedAsFound(planned, read.counts),
    counts: read.counts,
    warnings: compareKernels(planned, read.counts).map(({ reason }) => reason),
  }
}

/** What quantization did to the answers. */
export interface Damage extends Pick<QuantizationReport, 'sqnrDb' | 'layers' | 'batchInvariant'> {
  /** The inputs that it was seen on. */
  readonly feeds: readonly Feeds[]
}

/**
 * Noise at the outputs and by layer, and whether a row's answer depends on the rows beside it: two measures that run at
 * the same time. `opening` is the float model, open or nearly so.
 */
export async function measureDamage(
  opening: Promise<IsolatedSession>,
  before: Model,
  after: Model,
  place: RunsOn,
  { data, target, seed, onProgress }: MeasureQuantizedOptions,
): Promise<Damage> {
  onProgress?.('measuring the noise')
  const candidate = await place.open(after, LEAN)
  try {
    const base = await opening
    const random = data && data.rows > 1 ? 1 : 2
    const { feeds } = await samplesFor(candidate, { data, seed, random })
    const looked = feeds.slice(0, 4)
    const [{ sqnrDb, layers }, batchInvariant] = await together(
      // One session with both models in it is at hand where their kernels are those of this runtime.
      measureLayers(base, candidate, before, after, looked, (names) =>
        target === 'web' ? Promise.resolve(null) : openPair(before, after, names),
      ),
      measureBatchInvariance(candidate, looked),
    )
    return { sqnrDb, layers, batchInvariant, feeds }
  } finally {
    await candidate.close()
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
