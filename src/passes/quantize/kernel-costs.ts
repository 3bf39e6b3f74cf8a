import { operatorName } from '../../ir/index.ts'
import { standIn, type Unit } from './unit.ts'

/**
 * Rough nanoseconds a multiply-accumulate or an element, one thread, onnxruntime 1.30 on x86-64 with VNNI. Only their
 * proportions matter: they decide where an integer island ends, and measuring decides whether it stands.
 */
export const kernelCosts = {
  convFloat: 0.018,
  convInteger: 0.006,
  depthwiseFloat: 0.09,
  depthwiseInteger: 0.34,
  matmulFloat: 0.02,
  matmulInteger: 0.005,
  quantize: 0.2,
  dequantize: 0.15,
} as const

/** Nanoseconds an output element in float and in integers, of operators other than products. */
const elementCosts: Readonly<Record<string, readonly [float: number, integer: number]>> = {
  Add: [0.15, 0.15],
  Mul: [0.15, 0.3],
  Concat: [0.1, 0.1],
  AveragePool: [1, 2],
  GlobalAveragePool: [0.2, 0.2],
  LeakyRelu: [0.3, 0.4],
  Sigmoid: [1, 0.4],
  Softmax: [1, 3],
  MaxPool: [1, 1],
  Resize: [0.5, 1.6],
  Transpose: [0.3, 0.3],
}

const standInCosts: Readonly<Record<string, readonly [float: number, integer: number]>> = {
  relu: [0.1, 0.4],
  'hard-sigmoid': [0.3, 0.4],
  'hard-swish': [0.4, 0.7],
  silu: [1, 0.7],
}

/** Nanoseconds that a unit takes in float and in integers; `outputs` elements, `macs` multiply-accumulates each. */
export function unitCost(unit: Unit, outputs: number, macs: number): { float: number; integer: number } {
  if (unit.rule.kind === 'product') {
    const conv = unit.node.opType === 'Conv'
    const [float, integer] = unit.depthwise
      ? [kernelCosts.depthwiseFloat, kernelCosts.depthwiseInteger]
      : conv
        ? [kernelCosts.convFloat, kernelCosts.convInteger]
        : [kernelCosts.matmulFloat, kernelCosts.matmulInteger]
    return { float: outputs * macs * float, integer: outputs * macs * integer }
  }
  const special = standIn(unit.node)
  const [float, integer] = special ? standInCosts[special]! : (elementCosts[operatorName(unit.node)] ?? [0.02, 0.02])
  return { float: outputs * float, integer: outputs * integer }
}
