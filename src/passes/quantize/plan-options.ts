import type { Range } from './affine.ts'

/** What calibration saw of a value; `elements` of one row, where it was counted. */
export interface ObservedRange extends Range {
  readonly elements?: number | undefined
}

export interface PlanOptions {
  /** Node names, first outputs or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** Only these nodes (names or first outputs), all others stay in float: what one node alone does to the answer. */
  readonly only?: readonly string[] | undefined
  /**
   * `balanced` (default): the split of least cost by `kernelCosts`, borders included. `products`: Conv, MatMul and
   * Gemm only. `everywhere`: whatever has an integer kernel.
   */
  readonly placement?: 'balanced' | 'products' | 'everywhere' | undefined
  /** Depthwise convolutions: `auto` (default) goes by cost in `balanced`, to float in `products`, to int8 in `everywhere`. */
  readonly depthwise?: 'auto' | 'float' | 'int8' | undefined
}
