import { type Dataset, spreadRows } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { CALIBRATION_ROWS, type Moments, measureMoments } from '../../evaluate/index.ts'
import type { Model, NumericArray } from '../../ir/index.ts'
import {
  momentValues,
  momentWindows,
  type ReadWindows,
  readWindows,
  roundableBlocks,
  type WeightOptions,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import type { Meter } from '../meter.ts'
import { tensorRefsOf } from '../tensor-refs.ts'
import type { Step } from '../trail.ts'
import { learnRoundings } from './learned-rounding.ts'
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
  options: WeightChoices & {
    readonly data?: Dataset | undefined
    readonly samples?: number | undefined
    readonly indices?: readonly number[] | undefined
    readonly seed?: number | undefined
    readonly steps?: number | undefined
    readonly signal?: AbortSignal | undefined
    readonly meter?: Meter | undefined
    readonly onProgress?: ((text: string) => void) | undefined
  },
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
  const evidence: readonly Evidence[] = [await observe(model, options.data, rows, options)]
  const { bits, block, symmetric, keepFloat } = step.options as Readonly<Record<string, unknown>>
  const scaling = {
    bits,
    ...(block === undefined ? {} : { block }),
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(keepFloat === undefined ? {} : { keepFloat }),
  }
  return [{ pass: 'scaleWeightInputs', options: scaling, evidence }, step]
}

interface Observing {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/**
 * The step with what it needs to round by the outputs. Where it stores convolutions, an eighth of the rows judges whether
 * these shall be rounded so as well, by what the whole model gives: what keeps a layer near may be no gain at the end.
 */
async function byOutputs(
  model: Model,
  step: Step,
  data: Dataset,
  options: Observing & { readonly samples?: number | undefined; readonly indices?: readonly number[] | undefined },
): Promise<Step> {
  const windows = momentWindows(model, step.options as WeightOptions)
  const rows = spreadRows(data, options.indices, options.samples ?? CALIBRATION_ROWS)
  if (windows.length === 0) return { ...step, evidence: [await observe(model, data, rows, options)] }
  const judged = Math.min(judgedOf(rows.length), rows.length - 1)
  const seen = await observe(model, data, rows.slice(0, rows.length - judged), { ...options, windows })
  const by: Step = { ...step, evidence: [{ report: { ...seen.report, judged }, tensors: seen.tensors }] }
  const { windows: _, ...values } = seen.report
  const without: Step = { ...step, evidence: [{ report: { ...values, judged }, tensors: seen.tensors }] }
  options.onProgress?.('judging which roundings of convolutions leave the outputs nearer')
  return nearest(model, [without, by], data, judged === 0 ? rows : rows.slice(-judged))
}

/** Moments of what the products of this model read on these rows, and of these windows. */
async function observe(
  model: Model,
  data: Dataset,
  rows: readonly number[],
  { windows, signal, onProgress: say }: Observing & { readonly windows?: readonly ReadWindows[] | undefined },
): Promise<Moments> {
  say?.('looking at what the products read')
  // In this process, as for ranges: inner values of every row would double the time on their way between two.
  const session = await ortNode.open(model)
  try {
    return await measureMoments(session, data, {
      names: momentValues(model),
      gram: true,
      ...(windows ? { windows } : {}),
      samples: rows.length,
      indices: rows,
      signal,
      onRow: (done, of) => say?.(`looking at what the products read: row ${done} of ${of}`),
    })
  } finally {
    await session.close()
  }
}

/**
 * Evidence of a recipe with the numbers that it refers to: those that are at hand, else measured again on `data`, which
 * for the recipe's own model (`own`) must give what it gave.
 *
 * @throws UserError where the numbers are neither at hand nor can be measured, or come out differently.
 */
export async function withTensors(
  evidence: readonly Evidence[],
  model: Model,
  own: boolean,
  options: { readonly data?: Dataset | undefined; readonly tensors?: ReadonlyMap<string, NumericArray> | undefined },
): Promise<readonly Evidence[]> {
  const whole: Evidence[] = []
  for (const item of evidence) {
    const { report } = item
    const refs = tensorRefsOf(report)
    if (refs.length === 0) {
      whole.push(item)
      continue
    }
    if (own && options.tensors && refs.every(({ digest }) => options.tensors!.has(digest))) {
      whole.push({ report, tensors: options.tensors })
      continue
    }
    if (report.kind !== 'moments')
      throw new UserError('bad-argument', 'the recipe refers to what was learned, and that is not beside it', {
        where: 'recipe',
        hint: 'keep the .blobs folder beside the recipe, or make it again',
      })
    if (!options.data)
      throw new UserError('bad-argument', 'the recipe refers to numbers that are not beside it', {
        where: 'recipe',
        hint: 'keep the .blobs folder beside the recipe, or give the rows again with --data',
      })
    const rows = spreadRows(options.data, undefined, report.samples + (report.judged ?? 0)).slice(0, report.samples)
    const windows = report.windows && readWindows(model).filter(({ weight }) => weight in report.windows!)
    const again = await observe(model, options.data, rows, { windows })
    if (own && refs.some(({ digest }) => !again.tensors.has(digest)))
      throw new UserError('bad-data', 'measured again, the evidence is another: these are not the same rows', {
        where: '--data',
        hint: 'give the rows that the recipe was made with, or keep the .blobs folder beside it',
      })
    const { judged } = report
    whole.push(judged === undefined ? again : { ...again, report: { ...again.report, judged } })
  }
  return whole
}
