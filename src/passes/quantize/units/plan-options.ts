import { boolean, number, type OptionsOf, oneOf, optional, within } from '../../../report/index.ts'
import { KEEP_FLOAT } from '../kept-as-asked.ts'

export interface PlanOptions {
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /**
   * `balanced` (default): the split between integers and float that costs least by `kernelCosts`, conversions included.
   * `products`: only Conv, MatMul and Gemm. `everywhere`: whatever has an integer kernel.
   */
  readonly placement?: 'balanced' | 'products' | 'everywhere' | undefined
  /**
   * Noise over signal that the roundings may add up to at the worst output, by the sensitivities among the evidence.
   * The placement is the fastest one within it.
   */
  readonly noiseBudget?: number | undefined
  /** Depthwise convolutions: `auto` (default) goes by cost in `balanced`, to float in `products`, to int8 in `everywhere`. */
  readonly depthwise?: 'auto' | 'float' | 'int8' | undefined
  /**
   * How far each channel gets its own scale, from 0 (not at all, the default) to 1, by the channels among the evidence:
   * see `equaliseChannels`.
   */
  readonly equalise?: number | undefined
  /**
   * `nearest` (default); `sums`: weights are rounded so that their errors cancel (see `balanceSums`); `learned`: as the
   * `learned-weights` among the evidence say, and all others as with `sums`.
   */
  readonly rounding?: 'nearest' | 'sums' | 'learned' | undefined
  /** Whether biases make up for the shift of means by rounded weights, by the channels among the evidence. */
  readonly correctBias?: boolean | undefined
  /**
   * Bits of a weight; 8 by default. With 4, codes are −7 … 7, stored as int4 and widened to int8 when the model is
   * loaded: weights take half the space, and kernels as long as with 8. Needs operator set 21.
   */
  readonly weightBits?: 4 | 8 | undefined
  /**
   * `limits`: the gate of HardSwish clips the codes of its input (see `limitedCodes`) instead of looking them up in a
   * table. It is an option, and so in the recipe, because older recipes must give the same bytes.
   */
  readonly curves?: 'limits' | undefined
  /**
   * `seen`: weights are so small that no sum of two products leaves 16 bits with any codes that the channels among the
   * evidence reach (see `reachedCodes`), or with any codes at all where the channels of a value were not seen.
   */
  readonly within16?: 'seen' | undefined
}

export const PLAN_OPTIONS: OptionsOf<PlanOptions> = {
  keepFloat: KEEP_FLOAT,
  placement: optional(oneOf('balanced', 'products', 'everywhere')),
  noiseBudget: optional(within(number, 0)),
  depthwise: optional(oneOf('auto', 'float', 'int8')),
  equalise: optional(within(number, 0, 1)),
  rounding: optional(oneOf('nearest', 'sums', 'learned')),
  correctBias: optional(boolean),
  weightBits: optional(oneOf(4, 8)),
  curves: optional(oneOf('limits')),
  within16: optional(oneOf('seen')),
}

/** The largest magnitude of a weight's code. */
export const mostCode = ({ weightBits = 8 }: Pick<PlanOptions, 'weightBits'>): number => 2 ** (weightBits - 1) - 1

/** Whether weights without learned codes are rounded so that errors cancel. */
export const balances = ({ rounding }: PlanOptions): boolean => rounding === 'sums' || rounding === 'learned'
