import { GROUPS } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'

/** How the weight-only schemes get from weights to codes; see `quantizeWeights` and `scaleWeightInputs`. */
export interface WeightChoices {
  /**
   * `rtn` (default) and `hqq` look at the weights alone; `gptq` and `awq` at what the products read, so they need data;
   * `learned` learns from data what keeps the layers' outputs (see `learnRoundings`), in static int8 too.
   */
  readonly rounding?: 'rtn' | 'hqq' | 'gptq' | 'awq' | 'learned' | undefined
  /**
   * With 4 bits also convolutions, and in 8 bits tables and recurrent layers: stored in codes, widened when the model is
   * loaded.
   */
  readonly stored?: boolean | undefined
  /** Weights that share a scale: one of `GROUPS`; 32 by default. */
  readonly group?: number | undefined
  readonly symmetric?: boolean | undefined
  /** 0 (default): products in float; 4: activations are rounded to 8 bits in every product. */
  readonly accuracyLevel?: 0 | 4 | undefined
}

/**
 * The options of the weight pass that these choices stand for.
 *
 * @throws UserError for a group that no kernel takes.
 */
export function weightOptions({
  group,
  rounding,
  symmetric,
  accuracyLevel,
  stored,
}: WeightChoices): Readonly<Record<string, unknown>> {
  if (group !== undefined && !GROUPS.includes(group))
    throw new UserError('bad-argument', `no kernel takes groups of ${group} weights`, {
      where: 'group',
      hint: `choices: ${GROUPS.join(', ')}`,
    })
  return {
    ...(group === undefined ? {} : { block: group }),
    ...(symmetric ? { symmetric } : {}),
    ...(rounding === 'hqq' || rounding === 'gptq' || rounding === 'learned' ? { rounding } : {}),
    ...(stored ? { stored } : {}),
    ...(accuracyLevel ? { accuracyLevel } : {}),
  }
}
