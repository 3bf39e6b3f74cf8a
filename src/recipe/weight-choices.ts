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
  readonly symmetric?: boolean | undefined
  /** 0 (default): products in float; 4: activations are rounded to 8 bits in every product. */
  readonly accuracyLevel?: 0 | 4 | undefined
}

/** The options of the weight pass that these choices stand for. */
export function weightOptions({
  rounding,
  symmetric,
  accuracyLevel,
  stored,
}: WeightChoices): Readonly<Record<string, unknown>> {
  return {
    ...(symmetric ? { symmetric } : {}),
    ...(rounding === 'hqq' || rounding === 'gptq' || rounding === 'learned' ? { rounding } : {}),
    ...(stored ? { stored } : {}),
    ...(accuracyLevel ? { accuracyLevel } : {}),
  }
}
