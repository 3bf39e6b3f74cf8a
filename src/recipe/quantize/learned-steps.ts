import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Model } from '../../ir/index.ts'
import { roundableStatic, roundValues, type StaticInt8Options } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Scheme } from '../../report/index.ts'
import type { Rounding } from '../candidate.ts'
import type { Step } from '../trail.ts'
import { DEFAULT_SAMPLES, type LearnedRoundingOptions, learnRoundings } from './learned-rounding.ts'
import { judgedOf, nearest } from './nearest-step.ts'
import { weightSteps } from './weight-only.ts'

type Options = LearnedRoundingOptions & { readonly data: Dataset }

/** The steps of a scheme, the first of which is the one that rounds, with roundings that rows of `data` decide. */
export async function taughtSteps(
  model: Model,
  scheme: Scheme,
  [own, ...others]: readonly [Step, ...Step[]],
  options: Options & { readonly rounding: Rounding },
): Promise<readonly Step[]> {
  const taught =
    scheme === 'static-int8'
      ? [await withLearnedRoundings(model, own, options)]
      : await weightSteps(model, own, options)
  return [...taught, ...others]
}

/** The step of static int8 with roundings that are learned under its own ranges, where these leave the outputs nearer. */
export async function withLearnedRoundings(model: Model, step: Step, options: Options): Promise<Step> {
  const settings = step.options as StaticInt8Options
  // Two codes of 4 bits are far from what 16 bits can add.
  if (settings.target === 'portable' && settings.weightBits !== 4)
    throw new UserError('unsupported', 'learned roundings of 8 bits are not proven free of 16-bit saturation', {
      where: '--rounding learned',
      hint: 'leave one of --rounding learned and --target portable out, or say --weight-bits 4',
    })
  const evidence = step.evidence ?? []
  const learned = await learnRoundings(model, roundableStatic(model, settings, evidence), options.data, {
    ...options,
    rounded: roundValues(model, settings, evidence).model,
  })
  // Learned codes of 8 bits are held within nothing: whether they are nearer where products saturate, the rows tell.
  const { within16: _, ...free } = settings
  const other = { ...step, options: settings.weightBits === 4 ? settings : free, evidence: [...evidence, learned] }
  // In 8 bits little is lost to weights: that each part came nearer does not say that the whole did.
  const plain = { ...step, options: { ...settings, rounding: 'sums' } }
  const rows = spreadRows(options.data, options.indices, options.samples ?? DEFAULT_SAMPLES)
  return nearest(model, [plain, other], options.data, rows.slice(-judgedOf(rows.length)))
}
