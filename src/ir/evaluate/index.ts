import { type Node, operatorName } from '../model.ts'
import { elementCount, type Tensor } from '../tensor.ts'
import type { Call, Kernel } from './call.ts'
import { kernels } from './table.ts'
import { EvaluationError, fromTensor, toTensor, type Value } from './value.ts'

export type { Call, Kernel } from './call.ts'
export {
  EvaluationError,
  fromTensor,
  int64 as int64Value,
  type MapValue,
  type Nd,
  nd as ndValue,
  type OptionalValue,
  type SequenceValue,
  toTensor,
  typedElements,
  type Value,
} from './value.ts'

export interface EvaluateOptions {
  /** Version of the operator set of the node's domain. */
  readonly opset: number
  /** Carry float32, float16 and bfloat16 as float64, without rounding: for oracles. */
  readonly float64?: boolean
}

/** The rule of an operator, or undefined where there is none. */
export function kernelOf(node: { readonly opType: string; readonly domain: string }): Kernel | undefined {
  return Object.hasOwn(kernels, operatorName(node)) ? kernels[operatorName(node)] : undefined
}

/** Operators with a rule, as `operatorName` prints them. */
export const evaluatedOperators = (): readonly string[] => Object.keys(kernels).sort()

/**
 * Calls a rule and checks what it gives: sizes that inputs of odd ranks lead to are an EvaluationError, like everything
 * else that keeps a node from having a value.
 */
export function applyKernel(kernel: Kernel, call: Call): readonly Value[] | null {
  const values = kernel(call)
  for (const value of values ?? []) {
    if (value.kind !== 'tensor') continue
    const whole = value.dims.every((dim) => Number.isInteger(dim) && dim >= 0)
    if (!whole || value.data.length !== elementCount(value.dims))
      throw new EvaluationError(`inputs that do not fit: ${value.data.length} elements for [${value.dims.join(',')}]`)
  }
  return values
}

/**
 * A node's outputs on constant inputs, each floating result rounded once to its dtype. Null: no rule for the operator or
 * this form of it, inputs that do not fit, a random operator, a nested graph, an output that is not a tensor, or one that
 * processors compute differently (floats beyond the integers that they become).
 * Results beyond the outputs that the node names are dropped.
 */
export function evaluateNode(
  node: Node,
  inputs: readonly (Tensor | undefined)[],
  options: EvaluateOptions,
): readonly Tensor[] | null {
  const kernel = kernelOf(node)
  if (!kernel) return null
  const float64 = options.float64 ?? false
  try {
    const call: Call = {
      node,
      inputs: inputs.map((tensor) => tensor && fromTensor(tensor, float64)),
      opset: options.opset,
      float64,
      anyProcessor: true,
    }
    const values = applyKernel(kernel, call)?.slice(0, node.outputs.length)
    if (!values?.every((value: Value) => value.kind === 'tensor')) return null
    return values.map((value, i) => toTensor(value, node.outputs[i] ?? ''))
  } catch (error) {
    if (error instanceof EvaluationError || error instanceof RangeError) return null
    throw error
  }
}
