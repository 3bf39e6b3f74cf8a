import type { DType } from '../ir/index.ts'

/** Random elements between two numbers, or the given ones; random ones of [-2, 2] unless said. */
export type Fill = readonly [low: number, high: number] | readonly number[]
export type Spec = readonly [dtype: DType, dims: readonly number[], fill?: Fill]

/** An operator to compute, and what it reads. */
export interface Case {
  /** The call without its result: `Relu(x)`. */
  readonly call: string
  readonly inputs: Readonly<Record<string, Spec>>
  readonly result?: DType
  /** Types of all results where there are several. */
  readonly results?: readonly DType[]
  readonly opset?: number
  readonly microsoft?: true
  /** How much floats may be off, as a share of the largest; 2e-6 unless said. */
  readonly near?: number
  /** Units in the last place that integer results may be off; 0 unless said. */
  readonly units?: number
}

/** Codes of 8 bits with their scales and zero points. */
const quantized: Readonly<Record<string, Spec>> = {
  a: ['uint8', [2, 3, 4], [0, 255]],
  as: ['float32', [], [0.02]],
  az: ['uint8', [], [120]],
  b: ['uint8', [3, 4], [0, 255]],
  bs: ['float32', [], [0.03]],
  bz: ['uint8', [], [90]],
  ys: ['float32', [], [0.05]],
  yz: ['uint8', [], [100]],
}
/** Those of them by name. */
export const pick = (...names: string[]) => Object.fromEntries(names.map((name) => [name, quantized[name]!]))

export const x4: Spec = ['float32', [2, 4, 7, 6]]
