import type { Dataset } from '../../data/index.ts'
import { type Feeds, ortNode } from '../../engine/index.ts'
import { feedsOf, measureSensitivity } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { roundingProjections } from '../../passes/index.ts'
import type { CalibrationReport, SensitivityReport } from '../../report/index.ts'
import { type Meter, noMeter } from '../meter.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'

/** Rows that roundings are looked at on: more tell little more, since ranges and weights are the same. */
const ROWS = 4

export interface SensitivityOptions {
  /** Rows that may be used; all unless said. */
  readonly indices?: readonly number[] | undefined
  readonly cache?: EvidenceCache | undefined
  readonly signal?: AbortSignal | undefined
  readonly meter?: Meter | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/**
 * What each rounding that static int8 under these ranges might make does to the outputs, on some rows of `data`. Without
 * sources where the outputs cannot be followed back to any rounding.
 */
export async function sensitivityOf(
  model: Model,
  data: Dataset,
  ranges: CalibrationReport,
  options: SensitivityOptions = {},
): Promise<SensitivityReport> {
  const { cache = noCache, meter = noMeter, signal, onProgress } = options
  const rows = (options.indices ?? Array.from({ length: Math.min(ROWS, data.rows) }, (_, i) => i)).slice(0, ROWS)
  const dataDigest = await data.digest()
  const key = { measure: 'sensitivity', model: modelDigest(model), ranges, data: dataDigest, rows }
  return cache.get(key, async () => {
    const back = roundingProjections(model, ranges)
    if (!back) return { kind: 'sensitivity', version: 1, sources: [], samples: 0, dataDigest }
    // In this process: the model has run in one of its own before.
    const base = await ortNode.open(model)
    try {
      const session = await ortNode.open(back.model, { config: { 'session.disable_quant_qdq': '1' } })
      try {
        const feeds: Feeds[] = []
        for await (const batch of data.read({ indices: rows, batch: 1 })) feeds.push(feedsOf(batch, base.inputs, data))
        const tick = meter('roundings')
        return await measureSensitivity(base, { ...back, session }, feeds, {
          dataDigest,
          ...(signal ? { signal } : {}),
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
