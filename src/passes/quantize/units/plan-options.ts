import { boolean, number, type OptionsOf, oneOf, optional, within } from '../../../report/index.ts'
import { KEEP_FLOAT } from '../kept-as-asked.ts'

export interface PlanOptions {
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /**
   * `balanced` (default): the split of least cost by `kernelCosts`, borders included. `products`: Conv, MatMul and
   * Gemm only. `everywhere`: whatever has an integer kernel.
   */
  readonly placement?: 'balanced' | 'products' | 'everywhere' | undefined
  /**
   * Noise over signal that the roundings may add up to at the worst output, by the sensitivities among the evidence:
   * the least time within it.
   */
  readonly noiseBudget?: number | undefined
  /** Depthwise convolutions: `auto` (default) goes by cost in `balanced`, to float in `products`, to int8 in `everywhere`. */
  readonly depthwise?: 'auto' | 'float' | 'int8' | undefined
  /**
   * How far channels get scales of their own, from 0 (default: not at all) to 1, by the channels among the evidence:
   * see `equaliseChannels`.
   */
  readonly equalise?: number | undefined
  /**
   * `sums`: weights are rounded so that their errors cancel (see `balanceSums`); `learned`: as the `learned-weights`
   * among the evidence say, the others as with `sums`; `nearest` by default.
   */
  readonly rounding?: 'nearest' | 'sums' | 'learned' | undefined
  /** Takes the shift of the mean that rounded weights make out of the biases, by the channels among the evidence. */
  readonly correctBias?: boolean | undefined
  /**
   * Bits of a weight (8). With 4, codes are -7 … 7, stored as int4 and widened to int8 when the model is loaded: the
   * kernels and their time are those of 8 bits, the weights take half of the place. Needs operator set 21.
   */
  readonly weightBits?: 4 | 8 | undefined
  /**
   * `limits`: the gate of HardSwish is codes of its input that are held between two limits (see `limitedCodes`), instead
   * of a table; said in the recipe, so that older recipes keep their bytes.
   */
  readonly curves?: 'limits' | undefined
  /**
   * `seen`: weights so small that no sum of two products leaves 16 bits with any codes that the channels among the
   * evidence reach (see `reachedCodes`); of a value whose channels were not seen, with any codes at all.
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

/** Whether the errors of rounded weights shall cancel, wherever nothing was learned about them. */
export const balances = ({ rounding }: PlanOptions): boolean => rounding === 'sums' || rounding === 'learned'
