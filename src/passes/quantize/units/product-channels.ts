import { elementCount, intAttribute, type Node, outputsAxis, type Tensor } from '../../../ir/index.ts'

/** Which channels each weight of a product joins: weight `t` lies between input `inputOf(t)` and output `outputOf(t)`. */
interface ProductChannels {
  readonly inputs: number
  readonly outputs: number
  inputOf(t: number): number
  outputOf(t: number): number
}

/** Of Conv, Gemm, and MatMul with a matrix; undefined for a MatMul with several. */
export function productChannels(node: Node, weight: Tensor): ProductChannels | undefined {
  if (node.opType === 'Conv') {
    const groups = intAttribute(node, 'group', 1)
    const [outputs, perGroup, ...kernel] = weight.dims as [number, number, ...number[]]
    const places = elementCount(kernel)
    const size = perGroup * places
    const outputsPerGroup = outputs / groups
    const outputOf = (t: number) => Math.floor(t / size)
    return {
      inputs: perGroup * groups,
      outputs,
      outputOf,
      inputOf: (t) => Math.floor(outputOf(t) / outputsPerGroup) * perGroup + Math.floor((t % size) / places),
    }
  }
  if (weight.dims.length !== 2) return undefined
  const [first, second] = weight.dims as [number, number]
  const [row, column] = [(t: number) => Math.floor(t / second), (t: number) => t % second]
  return outputsAxis(node, weight) === 0
    ? { inputs: second, outputs: first, inputOf: column, outputOf: row }
    : { inputs: first, outputs: second, inputOf: row, outputOf: column }
}

/**
 * Weights for channels that stand under multipliers: where input channel i holds xᵢ/mᵢ and output channel o shall hold
 * yₒ/nₒ, w becomes w·mᵢ/nₒ. Without multipliers the values themselves.
 */
export function underMultipliers(
  values: Float32Array,
  channels: ProductChannels,
  inputs: Float32Array | undefined,
  outputs: Float32Array | undefined,
): Float32Array {
  if (!inputs && !outputs) return values
  return values.map(
    (value, t) => (value * (inputs?.[channels.inputOf(t)] ?? 1)) / (outputs?.[channels.outputOf(t)] ?? 1),
  )
}

/**
 * What rounding the weights adds to the mean of each output channel: Σ (w − ŵ)·E[x]. Added to the bias, it takes the
 * shift away (bias correction; Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
 * Correction", equation 15, with means that calibration saw). Padding is taken for as bright as the rest. Where inputs
 * stand under multipliers, `values` do as well and `means` do not. Undefined where the means are those of other channels.
 */
export function meanShift(
  values: Float32Array,
  quantized: { readonly codes: Int8Array; readonly scales: Float32Array },
  channels: ProductChannels,
  means: ArrayLike<number>,
  multipliers: Float32Array | undefined,
): Float64Array | undefined {
  if (means.length !== channels.inputs) return undefined
  const shift = new Float64Array(channels.outputs)
  for (let t = 0; t < values.length; t++) {
    const output = channels.outputOf(t)
    const scale = quantized.scales[quantized.scales.length === 1 ? 0 : output]!
    const input = channels.inputOf(t)
    shift[output]! += ((values[t]! - quantized.codes[t]! * scale) * means[input]!) / (multipliers?.[input] ?? 1)
  }
  return shift
}

/** A bias with what the rounding of weights adds to the mean of each channel. */
export function corrected(
  bias: { name: string; values: Float32Array },
  shift: Float64Array | undefined,
): { name: string; values: Float32Array } {
  return shift ? { ...bias, values: bias.values.map((value, i) => value + shift[i]!) } : bias
}
