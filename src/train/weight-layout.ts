import { elementCount, type Model, type Node, type Tensor, tensorOf, tensorValues } from '../ir/index.ts'

/** Weights laid one behind the other in one array of floats. */
export interface WeightLayout {
  readonly entries: readonly { readonly name: string; readonly dims: readonly number[]; readonly from: number }[]
  readonly size: number
}

/** Which inputs of an operator are learned. Running statistics of BatchNormalization are not: they are measured. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RMSNormalization: [1],
  RNN: [1, 2, 3],
  GRU: [1, 2, 3],
  LSTM: [1, 2, 3],
  PRelu: [1],
  Gather: [0],
  Add: [0, 1],
  Mul: [0, 1],
}

/** Names of the float32 weights that training may change; single numbers beside Add and Mul are part of a formula. */
export function trainableWeights(model: Model): readonly string[] {
  const found = new Set<string>()
  const learned = ({ opType, domain, inputs }: Node) =>
    domain === '' ? (LEARNED[opType] ?? []).flatMap((i) => inputs[i] ?? []) : []
  for (const node of model.graph.nodes)
    for (const name of learned(node)) {
      const tensor = model.graph.initializers.get(name)
      if (tensor?.dtype !== 'float32') continue
      if ((node.opType === 'Add' || node.opType === 'Mul') && elementCount(tensor.dims) < 2) continue
      found.add(name)
    }
  return [...found]
}

/** These weights one behind the other in the order of their names as given, which are all initializers. */
export function layoutOf(model: Model, names: Iterable<string>): WeightLayout {
  let size = 0
  const entries = [...names].map((name) => {
    const { dims } = model.graph.initializers.get(name)!
    const from = size
    size += elementCount(dims)
    return { name, dims, from }
  })
  return { entries, size }
}

/** The weights of a model in this layout. */
export function packWeights(model: Model, { entries, size }: WeightLayout): Float32Array {
  const packed = new Float32Array(size)
  for (const { name, from } of entries)
    packed.set(tensorValues(model.graph.initializers.get(name)!) as Float32Array, from)
  return packed
}

/** The weights as tensors, which are copies. */
export function unpackWeights(packed: Float32Array, { entries }: WeightLayout): ReadonlyMap<string, Tensor> {
  return new Map(
    entries.map(({ name, dims, from }) => [
      name,
      tensorOf('float32', dims, packed.slice(from, from + elementCount(dims)), name),
    ]),
  )
}
