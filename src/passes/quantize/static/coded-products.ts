import { floatAttribute, fromNumbers, type Node, type Tensor, tensorOf, tensorValues } from '../../../ir/index.ts'
import { biasScale, quantizeBias } from '../affine.ts'
import { channelAxis } from '../channel-axis.ts'
import type { CodedChannels } from '../channel-weights.ts'
import { corrected, meanShift, productChannels, underMultipliers } from '../units/product-channels.ts'
import { without } from '../units/quantize-rules.ts'
import type { Unit } from '../units/unit.ts'
import { productWeights } from './product-weights.ts'
import type { QdqWriter } from './qdq-writer.ts'
import { reachedByWeights } from './reached-codes.ts'
import type { StaticPlan } from './static-plan.ts'
import { unitBias } from './unit-bias.ts'

/** Weights and biases of products, as constant codes behind which every product reads floats. */
export class CodedProducts {
  readonly #plan: StaticPlan
  readonly #writer: QdqWriter
  readonly #pairSafe: boolean
  readonly #weights = new Map<string, CodedChannels>()

  constructor(plan: StaticPlan, writer: QdqWriter, pairSafe: boolean) {
    this.#plan = plan
    this.#writer = writer
    this.#pairSafe = pairSafe
  }

  /** The product of a unit with `inputs` for those it had, its weights and its own bias as codes; two activations stay as they are. */
  product(unit: Unit, inputs: readonly string[]): Node {
    const { node } = unit
    const weight = this.#plan.facts.constant(node.inputs[1]!)
    if (!weight) return { ...node, inputs }
    const inputScale = this.#plan.codes.get(node.inputs[0]!)!.scale
    const bias = unitBias(unit, this.#plan)
    const weights = this.#weightCodes(unit, weight, bias && { values: bias.values, inputScale })
    const [input, , ...others] = inputs
    if (node.opType === 'MatMul') return { ...node, inputs: [input!, weights.name, ...others] }
    const biases = bias ? [this.#biasCodes(corrected(bias, weights.shift), inputScale, weights.scales)] : []
    return { ...node, inputs: [input!, weights.name, ...biases], attributes: without(node, 'alpha', 'beta') }
  }

  /** The codes of the bias that an Add behind a MatMul brings, as floats. */
  addedBias(unit: Unit): string {
    const weight = this.#plan.facts.constant(unit.node.inputs[1]!)!
    const inputScale = this.#plan.codes.get(unit.node.inputs[0]!)!.scale
    const bias = unitBias(unit, this.#plan)!
    const weights = this.#weightCodes(unit, weight, { values: bias.values, inputScale })
    return this.#biasCodes(corrected(bias, weights.shift), inputScale, weights.scales)
  }

  /** Weights quantized once, also where several nodes share them, unless a bias asks for larger scales. */
  #weightCodes(
    unit: Unit,
    weight: Tensor,
    bias: { values: Float32Array; inputScale: number } | undefined,
  ): CodedChannels {
    const { node } = unit
    const axis = channelAxis(node, weight)
    const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
    // A 32-bit bias must hold its value with room for the sum of products.
    const atLeast = bias?.values.map((value) => Math.abs(value) / (bias.inputScale * 2 ** 30))
    const [input, output] = [node.inputs[0]!, unit.writes[0]!]
    const [above, below] = [this.#plan.codes.get(input)?.channels, this.#plan.codes.get(output)?.channels]
    const means = this.#plan.means(input)
    const seen = this.#plan.heldBy(input)
    const reached = seen && reachedByWeights(node, weight, this.#plan.codes.get(input)!, seen)
    const hangsOnInput = above ?? means ?? reached
    const key = [node.inputs[1], axis, alpha, hangsOnInput ? input : '', below ? output : ''].join(' ')
    const known = this.#weights.get(key)
    if (known && (atLeast?.every((bound, c) => bound <= known.scales[c]!) ?? true)) return known
    const values = tensorValues(weight) as Float32Array
    const channels = productChannels(node, weight)
    const factored = alpha === 1 ? values : values.map((value) => value * alpha)
    const scaled = channels ? underMultipliers(factored, channels, above, below) : factored
    const bounds = { atLeast, pairSafe: this.#pairSafe, reached }
    const quantized = productWeights(this.#plan, node, weight, { values, scaled, ...bounds })
    const four = this.#plan.weightBits === 4
    const codes = four
      ? fromNumbers('int4', weight.dims, quantized.codes)
      : tensorOf('int8', weight.dims, quantized.codes)
    const name = this.#writer.dequantizeConstant(codes, quantized.scales, axis, node.inputs[1]!)
    const shift = means && channels ? meanShift(scaled, quantized, channels, means, above) : undefined
    const result = { ...quantized, name, shift }
    this.#weights.set(key, result)
    return result
  }

  #biasCodes(bias: { name: string; values: Float32Array }, inputScale: number, weightScales: Float32Array): string {
    const scales = weightScales.map((scale) => biasScale(inputScale, scale))
    const codes = tensorOf('int32', [bias.values.length], quantizeBias(bias.values, inputScale, weightScales))
    return this.#writer.dequantizeConstant(codes, scales, 0, bias.name)
  }
}
