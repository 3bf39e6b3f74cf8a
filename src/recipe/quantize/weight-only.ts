import type { Dataset } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { type Moments, measureMoments } from '../../evaluate/index.ts'
import type { Model, NumericArray } from '../../ir/index.ts'
import { momentValues, roundableBlocks, type WeightOptions } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import type { Meter } from '../meter.ts'
import { tensorRefsOf } from '../tensor-refs.ts'
import type { Step } from '../trail.ts'
import { learnRoundings } from './learned-rounding.ts'
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
  options.onProgress?.('looking at what the products read')
  const evidence: readonly Evidence[] = [await observe(model, options.data, options)]
  if (rounding === 'gptq') return [{ ...step, evidence }]
  const { bits, block, symmetric, keepFloat } = step.options as Readonly<Record<string, unknown>>
  const scaling = {
    bits,
    ...(block === undefined ? {} : { block }),
    ...(symmetric === undefined ? {} : { symmetric }),
    ...(keepFloat === undefined ? {} : { keepFloat }),
  }
  return [{ pass: 'scaleWeightInputs', options: scaling, evidence }, step]
}

/** Moments of what the products of this model read. */
async function observe(
  model: Model,
  data: Dataset,
  options: {
    readonly samples?: number | undefined
    readonly indices?: readonly number[] | undefined
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: ((text: string) => void) | undefined
  },
): Promise<Moments> {
  // In this process, as for ranges: inner values of every row would double the time on their way between two.
  const session = await ortNode.open(model)
  try {
    return await measureMoments(session, data, {
      names: momentValues(model),
      gram: true,
      ...(options.samples ? { samples: options.samples } : {}),
      ...(options.indices ? { indices: options.indices } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
      onRow: (done, of) => options.onProgress?.(`looking at what the products read: row ${done} of ${of}`),
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
    const again = await observe(model, options.data, { samples: report.samples })
    if (own && refs.some(({ digest }) => !again.tensors.has(digest)))
      throw new UserError('bad-data', 'measured again, the evidence is another: these are not the same rows', {
        where: '--data',
        hint: 'give the rows that the recipe was made with, or keep the .blobs folder beside it',
      })
    whole.push(again)
  }
  return whole
}
