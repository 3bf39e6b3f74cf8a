/*
 * w, t constants, w = tᵀ   ⇒   w = Transpose<perm = [1,0]>(t)
 * What `turnTables` laid a second time is stored once again: the float weights of a product that stayed in float, or the
 * codes of one that did not where those of the lookups have the same scales. The runtime folds the Transpose when it loads
 * the model. Exact. The one that stays is the one that something else than a product reads.
 */
import {
  type Graph,
  ints,
  type Model,
  makeNode,
  operatorName,
  readsOf,
  type Tensor,
  tensorBytes,
} from '../../../ir/index.ts'
import { FEWEST_WEIGHTS } from './weighted-product.ts'

/** What reads the weights of a product, and at which input. */
const WEIGHTS_AT: Readonly<Record<string, number>> = { MatMul: 1, MatMulInteger: 1, DequantizeLinear: 0 }
const BYTES_OF: Readonly<Record<string, 1 | 4>> = { float32: 4, int8: 1, uint8: 1 }
/** Places that are looked at before whole matrices are compared. */
const SAMPLED = 64

/** The model with constants of its main graph that are each other's transposes stored once. */
export function tieTurned(model: Model): Model {
  const { graph } = model
  const weights = onlyWeights(graph)
  const all = [...matrices(graph)]
  const turned = new Map<string, string>()
  for (const [name, matrix] of all) {
    if (!weights.has(name)) continue
    const twin = all.find(([other, one]) => other !== name && !turned.has(other) && isTurned(matrix, one))
    if (twin) turned.set(name, twin[0])
  }
  if (turned.size === 0) return model
  const nodes = [...turned].map(([name, from]) =>
    makeNode('Transpose', [from], [name], { name, attributes: { perm: ints([1, 0]) } }),
  )
  const initializers = new Map([...graph.initializers].filter(([name]) => !turned.has(name)))
  return { ...model, graph: { ...graph, initializers, nodes: [...nodes, ...graph.nodes] } }
}

/** Large matrices that no caller can override and no output hands out. */
function matrices({ initializers, inputs, outputs }: Graph): ReadonlyMap<string, Tensor> {
  const seen = new Set([...inputs, ...outputs].map(({ name }) => name))
  return new Map(
    [...initializers].filter(
      ([name, { dtype, dims }]) =>
        !seen.has(name) && dtype in BYTES_OF && dims.length === 2 && dims[0]! * dims[1]! >= FEWEST_WEIGHTS,
    ),
  )
}

/** Constants that products alone read, as their second input or through codes. */
function onlyWeights({ nodes }: Graph): ReadonlySet<string> {
  const [weights, others] = [new Set<string>(), new Set<string>()]
  for (const node of nodes)
    for (const name of readsOf(node)) {
      const slot = WEIGHTS_AT[operatorName(node)]
      const isWeight = slot !== undefined && node.inputs.every((input, i) => (input === name) === (i === slot))
      ;(isWeight ? weights : others).add(name)
    }
  return new Set([...weights].filter((name) => !others.has(name)))
}

function isTurned(one: Tensor, other: Tensor): boolean {
  const [rows, columns] = one.dims as [number, number]
  if (one.dtype !== other.dtype || other.dims[0] !== columns || other.dims[1] !== rows) return false
  const turnedPlace = (i: number) => (i % columns) * rows + Math.floor(i / columns)
  const [bytes, otherBytes, width] = [tensorBytes(one), tensorBytes(other), BYTES_OF[one.dtype]!]
  const step = Math.ceil((rows * columns) / SAMPLED) | 1
  for (let i = 0; i < rows * columns; i += step)
    for (let b = 0; b < width; b++) if (bytes[i * width + b] !== otherBytes[turnedPlace(i) * width + b]) return false
  const [left, right] = [elements(bytes, width), elements(otherBytes, width)]
  return left.every((bits, i) => bits === right[turnedPlace(i)])
}

/** The bits of each number. */
function elements(bytes: Uint8Array, width: 1 | 4): Uint8Array | Uint32Array {
  if (width === 1) return bytes
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
}
