import { type Dataset, spreadRows } from '../../data/index.ts'
import { CALIBRATION_ROWS } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { momentWindows, roundableBlocks, type WeightOptions } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import { observeMoments } from '../evidence/moments.ts'
import type { Watched } from '../meter.ts'
import type { Step } from '../trail.ts'
import { type LearnedRoundingOptions, learnRoundings } from './learned-rounding.ts'
import { judgedOf, nearest } from './nearest-step.ts'
import type { WeightChoices } from './weight-choices.ts'

/**
 * The steps of a weight-only scheme around `step`, the one that codes: with `awq` the inputs are scaled first, with `gptq`
 * it gets its evidence. Moments are measured on `samples` rows of `data`.
 *
 * @throws UserError `bad-data` where evidence is wanted and there is no data.
 */
export async function weightSteps(
  model: Model,
  step: Step,
  options: WeightChoices & Omit<LearnedRoundingOptions, 'rounded'> & { readonly data?: Dataset | undefined },
): Promise<readonly Step[]> {
  const { rounding } = options
  if (rounding !== 'gptq' && rounding !== 'awq' && rounding !== 'learned') return [step]
  if (!options.data)
    throw new UserError('bad-data', `${rounding} rounds by what the model's products read, and there is no data`, {
      where: '--data',
      hint: 'give some rows that look like production (for a language model a text file), or use --rounding hqq or rtn',
    })
  if (rounding === 'learned') {
    const weights = roundableBlocks(model, step.options as WeightOptions)
    return [{ ...step, evidence: [await learnRoundings(model, weights, options.data, options)] }]
  }
  if (rounding === 'gptq') return [await byOutputs(model, step, options.data, options)]
  const rows = spreadRows(options.data, options.indices, options.samples ?? CALIBRATION_ROWS)
  const evidence: readonly Evidence[] = [await observeMoments(model, options.data, rows, options)]
  const { bits, block, symmetric, keepFloat } = step.options as Readonly<Record<string, unknown>>
  const scaling = {
    bits,
    ...(block === undefined ? {} : { block }),
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(keepFloat === undefined ? {} : { keepFloat }),
  }
  return [{ pass: 'scaleWeightInputs', options: scaling, evidence }, step]
}

/**
 * The step with what it needs to round by the outputs. Where it stores convolutions, an eighth of the rows judges whether
 * these shall be rounded so as well, by what the whole model gives: what keeps a layer near may be no gain at the end.
 */
async function byOutputs(
  model: Model,
  step: Step,
  data: Dataset,
  options: Watched & { readonly samples?: number | undefined; readonly indices?: readonly number[] | undefined },
): Promise<Step> {
  const windows = momentWindows(model, step.options as WeightOptions)
  const rows = spreadRows(data, options.indices, options.samples ?? CALIBRATION_ROWS)
  if (windows.length === 0) return { ...step, evidence: [await observeMoments(model, data, rows, options)] }
  const judged = Math.min(judgedOf(rows.length), rows.length - 1)
  const seen = await observeMoments(model, data, rows.slice(0, rows.length - judged), { ...options, windows })
  const by: Step = { ...step, evidence: [{ report: { ...seen.report, judged }, tensors: seen.tensors }] }
  const { windows: _, ...values } = seen.report
  const without: Step = { ...step, evidence: [{ report: { ...values, judged }, tensors: seen.tensors }] }
  options.onProgress?.('judging which roundings of convolutions leave the outputs nearer')
  return nearest(model, [without, by], data, judged === 0 ? rows : rows.slice(-judged))
}
