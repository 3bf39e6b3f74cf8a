import type { Model } from '../../ir/index.ts'
import type { QuantizationReport } from '../../report/index.ts'
import { runsOn } from '../runs-on.ts'
import { sizeOf, startTrail } from '../trail.ts'
import { advanceOnThreads } from '../weight-threads.ts'
import { goneFromFloat } from './keep-float.ts'
import { lazyWeightSteps } from './lazy-parts.ts'
import { nothingDone } from './nothing-done.ts'
import { portableOrRefused, saturationOf } from './portable.ts'
import { NOT_DIVIDED } from './quantization-warnings.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizationRun, quantizeSteps } from './quantize-steps.ts'
import { type Quantized, quantized } from './quantized.ts'
import { saturatesHere } from './saturates-here.ts'

/**
 * The scheme alone, for a model that the runtime does not take (`reason`): rewrites that nobody can prove here are left
 * out, and what was not measured is null.
 */
export async function quantizeUnrun(model: Model, options: QuantizeOptions, reason: string): Promise<Quantized> {
  const { scheme, target = 'native' } = options
  const place = await runsOn(target)
  const asked = { ...options, saturates: await saturatesHere(place, options) }
  goneFromFloat(options.keepFloat ?? [], model, model)
  const [own] = quantizeSteps(asked, [])
  const steps = scheme.startsWith('weight') ? await lazyWeightSteps(model, own, asked) : [own]
  const trail = await advanceOnThreads(startTrail(model), steps)
  const run = quantizationRun(trail, scheme)
  const saturation = asked.saturates ? saturationOf('this model', trail.model, trail.runs, place.runtime) : null
  const report: QuantizationReport = {
    kind: 'quantization',
    version: 1,
    scheme,
    target,
    ...(options.pass ? { options: options.pass } : {}),
    planned: run.planned ?? {},
    kernels: null,
    kernelsReason: reason,
    float: run.refused,
    before: sizeOf(model),
    after: sizeOf(trail.model),
    sqnrDb: null,
    layers: [],
    batchInvariant: null,
    ...(target === 'portable' ? { portable: portableOrRefused(trail.model) } : {}),
    ...(saturation ? { saturation } : {}),
    passes: trail.runs,
    warnings: [
      `nothing was run or measured, and lossless passes were left out: ${reason}`,
      ...(options.divideOutliers ? [NOT_DIVIDED] : []),
      ...(run.applied === 0 ? [nothingDone(model, run)] : []),
    ],
  }
  return quantized(trail, report)
}
