import type { Model } from '../../ir/index.ts'
import type { PassRun, Report } from '../../report/index.ts'
import { advanceAll, type Step, type Trail } from '../trail.ts'
import { advanceOnThreads } from '../weight-threads.ts'
import { lazyLearnedRoundings, lazyWeightSteps } from './lazy-parts.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizationRun, quantizeSteps } from './quantize-steps.ts'
import type { Quantized } from './quantized.ts'

interface QuantizedTrail {
  readonly trail: Trail
  /** What the evidence of its steps refers to, by digest. */
  readonly tensors: Quantized['tensors']
  /** Whether integers stand wherever they can, since by their usual costs they would have stood nowhere. */
  readonly everywhere: boolean
}

const EVERYWHERE = { placement: 'everywhere' } as const

/** The way on from `start` to the quantized model. */
export async function quantizedTrail(
  start: Trail,
  evidence: readonly Report[],
  options: QuantizeOptions,
): Promise<QuantizedTrail> {
  const { scheme, pass } = options
  const steps = await stepsOf(start.model, evidence, options)
  const tensors = new Map(steps.flatMap((step) => step.evidence ?? []).flatMap((item) => [...(item.tensors ?? [])]))
  const trail = await advanceOnThreads(start, steps)
  const everywhere =
    scheme === 'static-int8' && quantizationRun(trail, scheme).applied === 0 && pass?.placement === undefined
  if (!everywhere) return { trail, tensors, everywhere }
  // Who asks for integers gets them: that they hardly pay in such a model is for the report to say. What the passes
  // behind did to the float graph is no quantization.
  const insisting = quantizeSteps({ ...options, pass: { ...pass, ...EVERYWHERE } }, evidence)
  return { trail: await advanceAll(start, insisting), tensors, everywhere }
}

async function stepsOf(model: Model, evidence: readonly Report[], options: QuantizeOptions): Promise<readonly Step[]> {
  const [own, ...repairs] = quantizeSteps(options, evidence)
  if (options.scheme.startsWith('weight')) return [...(await lazyWeightSteps(model, own, options)), ...repairs]
  if (!learnsRoundings(options)) return [own, ...repairs]
  return [await lazyLearnedRoundings(model, own, { ...options, data: options.data! }), ...repairs]
}

/** Whether static integers get roundings that are learned, where these leave the outputs nearer. */
export const learnsRoundings = ({ scheme, rounding }: QuantizeOptions): boolean =>
  scheme === 'static-int8' && rounding === 'learned'

/** Whether a pass rounded as was learned. */
export const isLearned = ({ options }: PassRun): boolean =>
  (options as { rounding?: string } | undefined)?.rounding === 'learned'
