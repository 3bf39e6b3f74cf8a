import type { Feeds } from '../../engine/index.ts'
import { measureLatency } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { QuantizationReport } from '../../report/index.ts'
import type { RunsOn } from '../runs-on.ts'
import type { MeasureQuantizedOptions } from './measure-quantized.ts'

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
  const { report } = await measureLatency(subjects, feeds, { open, maxSeconds: TIMING_SECONDS, generations: 2, signal })
  const [base, other] = report.models
  return {
    runtime: report.runtime,
    threads: report.threads,
    floatP50Ms: base!.p50Ms,
    p50Ms: other!.p50Ms,
    ratio: report.ratios[0]!,
  }
}
