import { type Dataset, spreadRows } from '../../data/index.ts'
import { openIsolated, ortNode, type Session } from '../../engine/index.ts'
import { feedsFrom, measureSensitivity } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { roundingProjections } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { CalibrationReport, SensitivityReport } from '../../report/index.ts'
import { type Metered, noMeter } from '../meter.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'

/**
 * Backward runs, and rows that roundings are looked at on at most. What a range cuts off stands in few rows where
 * inputs have long tails, and rows tell as much as weightings of one row do, so there is one weighting for each of many
 * rows.
 */
export const NOISE_RUNS = 32

interface SensitivityOptions extends Metered {
  /** Rows that may be used; all by default. */
  readonly indices?: readonly number[] | undefined
  /** Backward runs; `NOISE_RUNS` by default. */
  readonly runs?: number | undefined
  readonly cache?: EvidenceCache | undefined
  /** Processors that may be kept busy; 1 by default, no more than 2 are of use. The result does not depend on it. */
  readonly workers?: number | undefined
}

/**
 * What each rounding that static int8 under these ranges might make does to the outputs, on some rows of `data`. Without
 * sources where the outputs cannot be followed back to any rounding, or not by operators that the runtime takes.
 */
export async function sensitivityOf(
  model: Model,
  data: Dataset,
  ranges: CalibrationReport,
  options: SensitivityOptions = {},
): Promise<SensitivityReport> {
  const { cache = noCache, meter = noMeter, runs = NOISE_RUNS, workers = 1, signal, onProgress } = options
  const rows = spreadRows(data, options.indices, runs)
  const dataDigest = await data.digest()
  const key = {
    measure: 'what roundings do, also to what decides, and to boxes',
    model: modelDigest(model),
    ranges,
    data: dataDigest,
    rows,
    runs,
  }
  return cache.get(key, async () => {
    const nothing: SensitivityReport = { kind: 'sensitivity', version: 1, sources: [], samples: 0, dataDigest }
    const back = roundingProjections(model, ranges)
    if (!back) return nothing
    // In this process: the model has run in one of its own before.
    const base = await ortNode.open(model)
    try {
      const session = await (workers > 1 ? besideAnother(back.model) : ortNode.open(back.model, EXACT)).catch(refused)
      if (!session) return nothing
      try {
        const tick = meter('roundings')
        return await measureSensitivity(base, { ...back, session }, () => feedsFrom(base, data, rows), {
          rows: rows.length,
          weightings: Math.ceil(runs / rows.length),
          atATime: Math.min(workers, 2),
          dataDigest,
          signal,
          onProgress: (done, of) => {
            onProgress?.(`what each rounding does to the outputs: ${done} of ${of}`)
            tick(done, of)
          },
        })
      } finally {
        await session.close()
      }
    } finally {
      await base.close()
    }
  })
}

/** Null where the runtime refuses a model that nobody gave: that is no fault of the model's. */
function refused(error: unknown): null {
  if (error instanceof UserError && (error.code === 'bad-model' || error.code === 'unsupported')) return null
  throw error
}

/** Roundings are what is measured: the runtime must not take them for its own to fuse. */
const EXACT = { config: { 'session.disable_quant_qdq': '1' } } as const

/** The model open in this process and in one of its own, which takes a run whenever it has none. */
async function besideAnother(model: Model): Promise<Pick<Session, 'run' | 'close'>> {
  const opening = openIsolated(model, EXACT)
  const here = await ortNode.open(model, EXACT).catch(async (error) => {
    await opening.then((other) => other.close()).catch(() => {})
    throw error
  })
  const there = await opening.catch(async (error) => {
    await here.close()
    throw error
  })
  let free = true
  return {
    // A run here holds this process up until it has ended: the other must have been asked before.
    async run(feeds, fetch) {
      if (!free) return here.run(feeds, fetch)
      free = false
      try {
        return await there.run(feeds, fetch)
      } finally {
        free = true
      }
    },
    async close() {
      await Promise.all([here.close(), there.close()])
    },
  }
}
