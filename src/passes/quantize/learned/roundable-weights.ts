import {
  elementCount,
  floatAttribute,
  indexGraph,
  type Model,
  type Node,
  nodeLabel,
  operatorName,
  outputsAxis,
  tensorValues,
  transposedMatrix,
} from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'
import { type Evidence, GraphEditor } from '../../../rewrite/index.ts'
import { quantizeChannels } from '../codes/channel-weights.ts'
import { keptAsAsked } from '../kept-as-asked.ts'
import { isMatrixProduct, type WeightedProduct } from '../products/weighted-product.ts'
import { planOf, type StaticInt8Options } from '../static/quantize-static-int8.ts'
import { mostCode } from '../units/plan-options.ts'
import { codeOf, gridOf, USUAL_BLOCK } from '../weights/block-grid.ts'
import type { WeightOptions } from '../weights/quantize-weights.ts'
import { type StoredGrid, storedGrid } from '../weights/stored-weights.ts'
import { sourcedProduct } from '../weights/tied-table.ts'

/**
 * Weights on their grid: w ≈ unit · (lower + up), where rounding decides for each weight whether `up` is 0 or 1.
 * `lower` and `nearest` lie as the weights do; `unit` broadcasts over them.
 */
export interface RoundableWeight {
  readonly name: string
  readonly node: string
  readonly dims: readonly number[]
  readonly unit: { readonly dims: readonly number[]; readonly values: Float32Array }
  /** The code below the weight, less the zero point, and at most the last but one. */
  readonly lower: Float32Array
  /** The codes that rounding without learning gives, less the zero point. */
  readonly nearest: Int8Array
  /** Scales of the channels, where the pass takes them from the evidence. */
  readonly scales?: Float32Array
}

/** The weights whose roundings can be learned, and those that cannot, with the reason. */
export interface RoundableWeights {
  readonly weights: readonly RoundableWeight[]
  readonly left: readonly Refusal[]
}

/** The weights whose roundings `quantizeStaticInt8` with these options can take from learning. */
export function roundableStatic(
  model: Model,
  options: StaticInt8Options,
  evidence: readonly Evidence[],
): RoundableWeights {
  const plan = planOf(model, options, evidence)
  const most = mostCode(options)
  const weights: RoundableWeight[] = []
  const left: Refusal[] = []
  for (const { node, rule } of plan.units.values()) {
    const weight = rule.kind === 'product' ? plan.facts.constant(node.inputs[1]!) : undefined
    if (!weight) continue
    const name = node.inputs[1]!
    const reason = refuse(model, node, name, weight.dims.length)
    if (reason) {
      left.push({ node: nodeLabel(node), reason })
      continue
    }
    const values = tensorValues(weight) as Float32Array
    const axis = outputsAxis(node, weight)
    const { codes, scales } = quantizeChannels(values, weight.dims, axis, { balanced: true, most })
    const { dims } = weight
    const unit = { dims: dims.map((dim, i) => (i === axis ? dim : 1)), values: scales }
    const lower = below(values, codes, scales, elementCount(dims.slice(axis + 1)), most)
    weights.push({ name, node: nodeLabel(node), dims, unit, scales, ...lower })
  }
  return { weights, left }
}

/** The weights whose roundings `quantizeWeights` with these options can take from learning. */
export function roundableBlocks(model: Model, options: WeightOptions): RoundableWeights {
  const editor = new GraphEditor(model.graph)
  const kept = keptAsAsked(options.keepFloat)
  const weights: RoundableWeight[] = []
  const left: Refusal[] = []
  for (const node of editor.nodes) {
    if (kept(node)) continue
    const found = roundable(node, editor, model, options)
    if (!found) continue
    if ('refused' in found) left.push({ node: nodeLabel(node), reason: found.refused })
    else weights.push(found)
  }
  return { weights, left }
}

/** What can be learned of a node's weights, or why nothing can; undefined where the pass leaves it alone. */
function roundable(
  node: Node,
  editor: GraphEditor,
  model: Model,
  options: WeightOptions,
): RoundableWeight | { readonly refused: string } | undefined {
  if (options.stored === true && options.bits === 4 && operatorName(node) === 'Conv') {
    const name = node.inputs[1]!
    const grid = storedGrid(node, name, editor, 4)
    if ('refused' in grid) return grid
    const refused = refuse(model, node, name, grid.dims.length)
    return refused === null ? storedWeight(node, name, grid) : { refused }
  }
  if (!isMatrixProduct(node)) return undefined
  const product = sourcedProduct(node, editor)
  if ('refused' in product) return product
  const refused = refuse(model, node, product.source, 2)
  return refused === null ? blockedWeight(node, product, options) : { refused }
}

/** Weights that stand in the file as 4-bit codes, a scale a channel. */
function storedWeight(node: Node, name: string, grid: StoredGrid): RoundableWeight {
  const { values, dims, codes, scales, spread } = grid
  const lower = below(values, codes, scales, elementCount(dims.slice(1)), 7)
  return { name, node: nodeLabel(node), dims, unit: { dims: spread, values: scales }, ...lower }
}

/** Weights of a product in blocks along its rows, each with a grid of its own. */
function blockedWeight(node: Node, product: WeightedProduct, options: WeightOptions): RoundableWeight {
  const { values, rows, columns, turned, source } = product
  const { bits, block = USUAL_BLOCK, symmetric = false } = options
  const top = 2 ** bits - 1
  const unit = new Float32Array(values.length)
  const lower = new Float32Array(values.length)
  const nearest = new Float32Array(values.length)
  for (let n = 0; n < columns; n++)
    for (let from = 0; from < rows; from += block) {
      const own = Float32Array.from(
        { length: Math.min(block, rows - from) },
        (_, k) => values[(from + k) * columns + n]!,
      )
      const { scale, zero } = gridOf(own, { bits, symmetric, fit: 'rtn' })
      for (const [k, value] of own.entries()) {
        const at = (from + k) * columns + n
        unit[at] = scale
        nearest[at] = codeOf(value, { scale, zero }, bits) - zero
        lower[at] = Math.min(top - 1, Math.max(0, Math.floor(value / scale) + zero)) - zero
      }
    }
  const asStored = (array: Float32Array) => (turned ? transposedMatrix(array, rows, columns) : array)
  const dims = turned ? [columns, rows] : [rows, columns]
  return {
    name: source,
    node: nodeLabel(node),
    dims,
    unit: { dims, values: asStored(unit) },
    lower: asStored(lower),
    nearest: Int8Array.from(asStored(nearest)),
  }
}

/** Why a rounding cannot be learned: several readers would pull at it, or what is rounded is not what stands there. */
function refuse(model: Model, node: Node, name: string, rank: number): string | null {
  if (!model.graph.initializers.has(name)) return 'its weights are not an initializer'
  if (rank < 2 || (rank > 2 && node.opType !== 'Conv')) return `its weights have ${rank} dimensions`
  if (node.opType === 'Gemm' && floatAttribute(node, 'alpha', 1) !== 1) return 'its factor alpha is not 1'
  const readers = readersOf(model).get(name) ?? 0
  return readers > 1 ? `${readers} nodes read its weights` : null
}

const counted = new WeakMap<Model, ReadonlyMap<string, number>>()

function readersOf(model: Model): ReadonlyMap<string, number> {
  const known =
    counted.get(model) ?? new Map([...indexGraph(model.graph).consumers].map(([name, users]) => [name, users.length]))
  counted.set(model, known)
  return known
}

/** The lower of the two codes that a weight stands between; scales repeat every `inner` weights. */
function below(
  values: Float32Array,
  codes: Int8Array,
  scales: Float32Array,
  inner: number,
  most: number,
): { readonly lower: Float32Array; readonly nearest: Int8Array } {
  const lower = values.map((value, i) => {
    const scale = scales[Math.floor(i / inner) % scales.length]!
    return Math.min(most - 1, Math.max(-most, Math.floor(value / scale)))
  })
  return { lower, nearest: codes }
}
