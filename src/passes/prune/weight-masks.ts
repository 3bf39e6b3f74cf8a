import {
  elementCount,
  indexGraph,
  type Model,
  makeNode,
  type Node,
  nodeLabel,
  outputsAxis,
  type Tensor,
  tensorOf,
} from '../../ir/index.ts'

/** Of every `of` weights in a row along the axis that a product sums over, at most `keep` are not zero. */
export interface WeightPattern {
  readonly keep: number
  readonly of: number
}

/** The weights of products, single numbers of which can become zero. */
export interface MaskableWeight {
  readonly name: string
  readonly nodes: readonly string[]
  readonly dims: readonly number[]
  /** The axis that the product sums over; null where its readers sum over different ones. */
  readonly axis: number | null
}

/** The weights of which single ones may become zero, and those that stay as they are, with the reason. */
export interface MaskableWeights {
  readonly weights: readonly MaskableWeight[]
  readonly held: readonly { readonly node: string; readonly reason: string }[]
}

/** 1 where a weight stays, 0 where it becomes zero, by initializer. */
export type WeightMasks = ReadonlyMap<string, Uint8Array>

/** Where the weights of a product stand, and which of their axes it sums over. */
function summedAxis(node: Node, slot: number, weight: Tensor): number | undefined {
  switch (node.domain === '' ? node.opType : '') {
    case 'ConvTranspose':
      return slot === 1 ? 0 : undefined
    case 'Conv':
    case 'Gemm':
      return slot === 1 ? 1 - outputsAxis(node, weight) : undefined
    case 'MatMul':
      return weight.dims.length - (slot === 1 ? 2 : 1)
    default:
      return undefined
  }
}

/**
 * The float32 initializers that products alone read. With a pattern, those whose summed axis is made of whole runs of
 * `of` weights; why others keep theirs stands in `held`.
 */
export function maskableWeights(model: Model, pattern: WeightPattern | null = null): MaskableWeights {
  const { consumers } = indexGraph(model.graph)
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  const weights: MaskableWeight[] = []
  const held: { node: string; reason: string }[] = []
  for (const [name, weight] of model.graph.initializers) {
    const { dtype, dims } = weight
    const readers = consumers.get(name) ?? []
    if (dtype !== 'float32' || dims.length < 2 || readers.length === 0) continue
    const axes = readers.flatMap((node) =>
      node.inputs.flatMap((input, slot) => (input === name ? [summedAxis(node, slot, weight)] : [])),
    )
    if (axes.every((axis) => axis === undefined)) continue
    const nodes = [...new Set(readers.map(nodeLabel))]
    const hold = (reason: string) => held.push({ node: nodes[0]!, reason })
    if (outputs.has(name) || axes.includes(undefined) || axes.length < readers.length) {
      hold('something else than a product reads its weights as well')
      continue
    }
    const axis = new Set(axes).size === 1 ? axes[0]! : null
    if (pattern) {
      if (axis === null) hold('its readers sum over different axes of its weights')
      else if (dims[axis]! % pattern.of !== 0)
        hold(`it sums over ${dims[axis]} at a time, which is no multiple of ${pattern.of}`)
      else weights.push({ name, nodes, dims, axis })
    } else weights.push({ name, nodes, dims, axis })
  }
  return { weights, held }
}

/** However many go in the whole model, of one tensor at least this share of the usual remainder stays. */
const LEAST_OF_ONE = 1 / 4

/**
 * The masks that leave the least important share of all weights at zero. Numbers of different tensors are compared
 * where they are on one scale (`across`); else each tensor gives up the same share (`within`).
 */
export function masksByShare(
  weights: readonly MaskableWeight[],
  sparsity: number,
  scores: ReadonlyMap<string, Float64Array>,
  scale: 'across' | 'within',
): WeightMasks {
  const masks = new Map<string, Uint8Array>()
  const rest: { readonly mask: Uint8Array; readonly place: number; readonly score: number }[] = []
  let toGo = 0
  for (const { name, dims } of weights) {
    const own = scores.get(name)!
    const count = elementCount(dims)
    const mask = new Uint8Array(count).fill(1)
    masks.set(name, mask)
    const order = [...own.keys()].sort((a, b) => own[a]! - own[b]! || a - b)
    const goes = Math.round(count * sparsity)
    if (scale === 'within') for (const place of order.slice(0, goes)) mask[place] = 0
    else {
      toGo += goes
      const least = Math.ceil((count - goes) * LEAST_OF_ONE)
      for (const place of order.slice(0, count - least)) rest.push({ mask, place, score: own[place]! })
    }
  }
  rest.sort((a, b) => a.score - b.score)
  for (const { mask, place } of rest.slice(0, toGo)) mask[place] = 0
  return masks
}

/** The masks that keep the most important weights of every run of the pattern, whatever scale the scores are on. */
export function masksByPattern(
  weights: readonly MaskableWeight[],
  { keep, of }: WeightPattern,
  scores: ReadonlyMap<string, Float64Array>,
): WeightMasks {
  return new Map(
    weights.map(({ name, dims, axis }) => {
      const own = scores.get(name)!
      const mask = new Uint8Array(own.length)
      const step = elementCount(dims.slice(axis! + 1))
      for (let first = 0; first < own.length; first++) {
        // The first weight of a run: its place along the axis is a multiple of `of`.
        if ((Math.floor(first / step) % dims[axis!]!) % of !== 0) continue
        const run = Array.from({ length: of }, (_, k) => first + k * step)
        run.sort((a, b) => own[b]! - own[a]! || a - b)
        for (const place of run.slice(0, keep)) mask[place] = 1
      }
      return [name, mask]
    }),
  )
}

/** The weights with zeros where the mask has them. */
export function masked(values: Float32Array, mask: Uint8Array): Float32Array {
  return values.map((value, i) => (mask[i] === 0 ? 0 : value))
}

/**
 * The model whose products read `weight · mask`: whatever the weights learn, and whatever gradient reaches them, the
 * zeros stay. Names of weights stay, so that what was learned can be put back.
 */
export function maskedForm(model: Model, masks: WeightMasks): Model {
  const initializers = new Map(model.graph.initializers)
  const products: Node[] = []
  const renamed = new Map<string, string>()
  for (const [name, mask] of masks) {
    const [maskName, product] = [`${name}/mask`, `${name}/masked`]
    const { dims } = model.graph.initializers.get(name)!
    initializers.set(maskName, tensorOf('float32', dims, Float32Array.from(mask), maskName))
    products.push(makeNode('Mul', [name, maskName], [product], { name: product }))
    renamed.set(name, product)
  }
  const nodes = model.graph.nodes.map((node) =>
    node.inputs.some((input) => renamed.has(input))
      ? { ...node, inputs: node.inputs.map((input) => renamed.get(input) ?? input) }
      : node,
  )
  return { ...model, graph: { ...model.graph, initializers, nodes: [...products, ...nodes] } }
}
