import { randomNumbers } from '../data/index.ts'
import {
  elementCount,
  type GraphIndex,
  indexGraph,
  intAttribute,
  intsAttribute,
  type Model,
  type Node,
  operatorName,
  outputsAxis,
  type Tensor,
  tensorOf,
} from '../ir/index.ts'
import { trainableWeights } from './weight-layout.ts'

/** Half of what they are given is lost to them, so that the weights in front must be √2 as large (He et al. 2015). */
const HALVING: ReadonlySet<string> = new Set(
  'Relu LeakyRelu PRelu Clip HardSwish Elu Celu Selu Gelu Swish Mish Softplus ThresholdedRelu com.microsoft.Gelu com.microsoft.QuickGelu'.split(
    ' ',
  ),
)
/** What stands between a product and its activation without changing how large values are. */
const BETWEEN: ReadonlySet<string> = new Set(['Add', 'BatchNormalization', 'Reshape', 'Transpose', 'Identity'])
const FAR = 4

/** The deviation of tables that tokens are looked up in (Devlin et al. 2019, 1810.04805). */
const TABLE_DEVIATION = 0.02
/** The slope of PReLU where training starts (He et al. 2015). */
const PRELU_SLOPE = 0.25

/**
 * Weights drawn anew, by seed, for everything that training may change: those of a product evenly from ±√(3·g/n), which
 * has the variance g/n, n being the numbers that one number of the output is a sum of (fan-in) and g = 2 in front of
 * activations that lose half of their input (He et al. 2015, 1502.01852), else 1 (LeCun et al. 1998); scales of
 * normalisations 1, biases 0.
 */
export function freshWeights(model: Model, seed: number): ReadonlyMap<string, Tensor> {
  const random = randomNumbers(seed)
  const index = indexGraph(model.graph)
  const trainable = new Set(trainableWeights(model))
  const drawn = new Map<string, Tensor>()
  for (const node of model.graph.nodes)
    for (const [slot, name] of node.inputs.entries()) {
      if (!trainable.has(name) || drawn.has(name)) continue
      const { dims } = model.graph.initializers.get(name)!
      const bound = boundOf(node, slot, dims, index)
      const values =
        typeof bound === 'number'
          ? Float32Array.from({ length: elementCount(dims) }, () => (2 * random() - 1) * bound)
          : new Float32Array(elementCount(dims)).fill(bound.all)
      drawn.set(name, tensorOf('float32', dims, values, name))
    }
  return drawn
}

/** The largest value of an even distribution around 0, or the number that all are. */
function boundOf(
  node: Node,
  slot: number,
  dims: readonly number[],
  index: GraphIndex,
): number | { readonly all: number } {
  const fan = fanIn(node, slot, dims)
  if (fan !== null) return Math.sqrt((3 * (losesHalf(node, index) ? 2 : 1)) / fan)
  if (node.opType === 'Gather') return Math.sqrt(3) * TABLE_DEVIATION
  if (node.opType === 'PRelu') return { all: PRELU_SLOPE }
  const isScale = node.opType === 'Mul' || (/Normalization$/.test(node.opType) && slot === 1)
  return { all: isScale ? 1 : 0 }
}

/** How many numbers are summed up for one of the output; null where the input is no factor of a product. */
function fanIn(node: Node, slot: number, dims: readonly number[]): number | null {
  if (node.opType === 'Conv' && slot === 1) return elementCount(dims.slice(1))
  if (node.opType === 'ConvTranspose' && slot === 1) {
    const steps = elementCount(intsAttribute(node, 'strides', []))
    const inputs = dims[0]! / intAttribute(node, 'group', 1)
    return Math.max(1, (inputs * elementCount(dims.slice(2))) / steps)
  }
  if (node.opType === 'Gemm' && slot === 1) return dims[1 - outputsAxis(node, { dims })]!
  if (node.opType === 'MatMul') return (slot === 1 ? dims.at(-2) : dims.at(-1)) ?? dims[0]!
  return null
}

/** Whether the values of a product go into an activation that keeps half of them. */
function losesHalf(product: Node, { consumers }: GraphIndex): boolean {
  let node = product
  for (let steps = 0; steps < FAR; steps++) {
    const readers = consumers.get(node.outputs[0]!) ?? []
    if (readers.some((reader) => HALVING.has(operatorName(reader)) || gatesItself(readers, node))) return true
    if (readers.length !== 1 || !BETWEEN.has(operatorName(readers[0]!))) return false
    node = readers[0]!
  }
  return false
}

/** x · σ(x), as SiLU is written out. */
const gatesItself = (readers: readonly Node[], { outputs }: Node): boolean => {
  const gate = readers.find(({ opType }) => opType === 'Sigmoid' || opType === 'HardSigmoid')
  const product = readers.find(({ opType }) => opType === 'Mul')
  return (
    gate !== undefined && product?.inputs.includes(gate.outputs[0]!) === true && product.inputs.includes(outputs[0]!)
  )
}
