import type { Range } from './affine.ts'

/** What calibration saw of a value; `elements` of one row, where it was counted. */
export interface ObservedRange extends Range {
  readonly elements?: number | undefined
}

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
}
