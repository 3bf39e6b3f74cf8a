import type { Dataset } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { measureSensitivity } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { modelDigest } from '../../onnx/index.ts'
import { roundingProjections } from '../../passes/index.ts'
import type { CalibrationReport, SensitivityReport } from '../../report/index.ts'
import { type Meter, noMeter } from '../meter.ts'
import { feedsFrom, spreadAside } from '../samples.ts'
import { type EvidenceCache, noCache } from './evidence-cache.ts'

/**
 * Rows that roundings are looked at on, and backward runs in all. What a range cuts off stands in few rows where inputs
 * have long tails, and rows tell as much as weightings of one row do, so there is one weighting for each of many rows.
 */
const ROWS = 32
const RUNS = 32

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
  const { indices } = options
  const spread = spreadAside(indices?.length ?? data.rows, ROWS)
  const rows = indices ? spread.map((i) => indices[i]!) : spread
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
        const tick = meter('roundings')
        return await measureSensitivity(base, { ...back, session }, feedsFrom(base, data, rows), {
          rows: rows.length,
          weightings: Math.ceil(RUNS / rows.length),
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
