import {
  floatAttribute,
  fromNumbers,
  type Node,
  outputsAxis,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../../../ir/index.ts'
import { biasScale, quantizeBias } from '../../codes/affine.ts'
import type { ChannelWeights } from '../../codes/channel-weights.ts'
import { corrected, meanShift, productChannels, underMultipliers } from '../../units/product-channels.ts'
import { without } from '../../units/quantize-rules.ts'
import type { Unit } from '../../units/unit.ts'
import { type ReadValue, reachedByWeights } from '../ranges/reached-codes.ts'
import type { StaticPlan } from '../static-plan.ts'
import { productWeights } from './product-weights.ts'
import type { QdqWriter } from './qdq-writer.ts'
import { unitBias } from './unit-bias.ts'

/** Channels' codes under the name that they have in a graph. */
interface CodedChannels extends ChannelWeights {
  readonly name: string
  /** The weights that they stand for: under the factors of the node and of the channels around it. */
  readonly values: Float32Array
}

type Bias = NonNullable<ReturnType<typeof unitBias>>

/** Weights and biases of products, as constant codes behind which every product reads floats. */
export class CodedProducts {
  readonly #plan: StaticPlan
  readonly #writer: QdqWriter
  readonly #pairSafe: boolean
  readonly #weights = new Map<string, CodedChannels>()
  /** By `sourceOf`. */
  readonly #inputs: ReadonlyMap<string, ReadonlySet<string>>

  constructor(plan: StaticPlan, writer: QdqWriter, pairSafe: boolean) {
    this.#plan = plan
    this.#writer = writer
    this.#pairSafe = pairSafe
    this.#inputs = inputsOf(plan)
  }

  /** The product of a unit with `inputs` for those it had, its weights and its own bias as codes; two activations stay as they are. */
  product(unit: Unit, inputs: readonly string[]): Node {
    const { node } = unit
    const weight = this.#plan.facts.constant(node.inputs[1]!)
    if (!weight) return { ...node, inputs }
    const bias = unitBias(unit, this.#plan)
    const weights = this.#weightCodes(unit, weight, bias)
    const [input, , ...others] = inputs
    if (node.opType === 'MatMul') return { ...node, inputs: [input!, weights.name, ...others] }
    const biases = bias ? [this.#biasCodes(unit, weight, bias, weights)] : []
    return { ...node, inputs: [input!, weights.name, ...biases], attributes: without(node, 'alpha', 'beta') }
  }

  /** The codes of the bias that an Add behind a MatMul brings, as floats. */
  addedBias(unit: Unit): string {
    const weight = this.#plan.facts.constant(unit.node.inputs[1]!)!
    const bias = unitBias(unit, this.#plan)!
    return this.#biasCodes(unit, weight, bias, this.#weightCodes(unit, weight, bias))
  }

  /**
   * Weights quantized once, also where several nodes share them, unless a bias asks for larger scales. Those that are held
   * by what was seen, and those of values that nobody saw enough of, stand apart: the least that was seen, on the coarsest
   * grid of a detector as it may be, shall not cost the others their range.
   */
  #weightCodes(unit: Unit, weight: Tensor, bias: Bias | undefined): CodedChannels {
    const { node } = unit
    const axis = outputsAxis(node, weight)
    const [input, output] = [node.inputs[0]!, unit.writes[0]!]
    const { scale, channels: above } = this.#plan.codes.get(input)!
    const below = this.#plan.codes.get(output)?.channels
    // A 32-bit bias must hold its value with room for the sum of products.
    const atLeast = bias?.values.map((value) => Math.abs(value) / (scale * 2 ** 30))
    const source = sourceOf(node, axis)
    const isHeld = this.#plan.heldBy(input) !== undefined
    const key = [source, isHeld, above ? input : '', below ? output : ''].join(' ')
    const known = this.#weights.get(key)
    if (known && (atLeast?.every((bound, c) => bound <= known.scales[c]!) ?? true)) return known
    const values = tensorValues(weight) as Float32Array
    const channels = productChannels(node, weight)
    const alpha = alphaOf(node)
    const factored = alpha === 1 ? values : values.map((value) => value * alpha)
    const scaled = channels ? underMultipliers(factored, channels, above, below) : factored
    const seen = this.#seenOf(above ? [input] : this.#inputs.get(source)!)
    const reached = isHeld ? reachedByWeights(node, weight, seen) : undefined
    const bounds = { atLeast, pairSafe: this.#pairSafe, reached }
    const quantized = productWeights(this.#plan, node, weight, { values, scaled, ...bounds })
    const four = this.#plan.weightBits === 4
    const codes = four
      ? fromNumbers('int4', weight.dims, quantized.codes)
      : tensorOf('int8', weight.dims, quantized.codes)
    const name = this.#writer.dequantizeConstant(codes, quantized.scales, axis, node.inputs[1]!)
    const result = { ...quantized, name, values: scaled }
    this.#weights.set(key, result)
    return result
  }

  /** What was seen of the values among these by which the weights of their readers are held. */
  #seenOf(inputs: Iterable<string>): readonly ReadValue[] {
    return [...inputs].flatMap((input) => {
      const seen = this.#plan.heldBy(input)
      return seen ? { codes: this.#plan.codes.get(input)!, seen } : []
    })
  }

  /** The codes of a bias, with what rounding the weights does to the means that they make where that is corrected. */
  #biasCodes({ node }: Unit, weight: Tensor, bias: Bias, weights: CodedChannels): string {
    const input = node.inputs[0]!
    const { scale, channels: above } = this.#plan.codes.get(input)!
    const [channels, means] = [productChannels(node, weight), this.#plan.means(input)]
    const shift = means && channels ? meanShift(weights.values, weights, channels, means, above) : undefined
    const { values } = corrected(bias, shift)
    const scales = weights.scales.map((weightScale) => biasScale(scale, weightScale))
    const codes = tensorOf('int32', [values.length], quantizeBias(values, scale, weights.scales))
    return this.#writer.dequantizeConstant(codes, scales, 0, bias.name)
  }
}

/** The values that products of shared weights read, by these weights. */
function inputsOf({ units, facts }: StaticPlan): ReadonlyMap<string, ReadonlySet<string>> {
  const inputs = new Map<string, Set<string>>()
  for (const { node, rule } of units.values()) {
    const weight = rule.kind === 'product' && facts.constant(node.inputs[1]!)
    if (!weight) continue
    const source = sourceOf(node, outputsAxis(node, weight))
    inputs.set(source, (inputs.get(source) ?? new Set()).add(node.inputs[0]!))
  }
  return inputs
}

/** The same for products that may share the codes of a constant. */
const sourceOf = (node: Node, axis: number) => [node.inputs[1], axis, alphaOf(node)].join(' ')

const alphaOf = (node: Node) => (node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1)
