import { elementCount, intAttribute, type Node, outputsAxis, type Tensor } from '../../../ir/index.ts'

/** Which channels each weight of a product joins. */
interface ProductChannels {
  readonly inputs: number
  readonly outputs: number
  /** Visits all weights in the order in which they lie: those from `from` to `to` lie between this input and this output. */
  each(visit: (input: number, output: number, from: number, to: number) => void): void
}

/** Of Conv, Gemm, and MatMul with a matrix; undefined for a MatMul with several. */
export function productChannels(node: Node, weight: Tensor): ProductChannels | undefined {
  if (node.opType === 'Conv') {
    const groups = intAttribute(node, 'group', 1)
    const [outputs, perGroup, ...kernel] = weight.dims as [number, number, ...number[]]
    const places = elementCount(kernel)
    const outputsPerGroup = outputs / groups
    return {
      inputs: perGroup * groups,
      outputs,
      each(visit) {
        for (let output = 0, from = 0; output < outputs; output++) {
          const first = Math.floor(output / outputsPerGroup) * perGroup
          for (let input = 0; input < perGroup; input++, from += places)
            visit(first + input, output, from, from + places)
        }
      },
    }
  }
  if (weight.dims.length !== 2) return undefined
  const [rows, columns] = weight.dims as [number, number]
  const eachOf = (visit: (row: number, column: number, from: number, to: number) => void) => {
    for (let row = 0, from = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, from++) visit(row, column, from, from + 1)
  }
  if (outputsAxis(node, weight) === 1) return { inputs: rows, outputs: columns, each: eachOf }
  return {
    inputs: columns,
    outputs: rows,
    each: (visit) => eachOf((output, input, from, to) => visit(input, output, from, to)),
  }
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
  const result = new Float32Array(values.length)
  channels.each((input, output, from, to) => {
    const [up, down] = [inputs?.[input] ?? 1, outputs?.[output] ?? 1]
    for (let t = from; t < to; t++) result[t] = (values[t]! * up) / down
  })
  return result
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
  const { codes, scales } = quantized
  const shift = new Float64Array(channels.outputs)
  channels.each((input, output, from, to) => {
    const [scale, mean, up] = [scales[scales.length === 1 ? 0 : output]!, means[input]!, multipliers?.[input] ?? 1]
    for (let t = from; t < to; t++) shift[output]! += ((values[t]! - codes[t]! * scale) * mean) / up
  })
  return shift
}

/** A bias with what the rounding of weights adds to the mean of each channel. */
export function corrected(
  bias: { name: string; values: Float32Array },
  shift: Float64Array | undefined,
): { name: string; values: Float32Array } {
  return shift ? { ...bias, values: bias.values.map((value, i) => value + shift[i]!) } : bias
}
