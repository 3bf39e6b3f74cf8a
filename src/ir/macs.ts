import { intAttribute, intsAttribute, nestedGraphs, stringAttribute } from './attribute.ts'
import { type Graph, type Model, type Node, operatorName, type ValueType } from './model.ts'
import { KNOWN_DOMAINS } from './schema.ts'
import { elementCount } from './tensor.ts'

type Types = ReadonlyMap<string, ValueType>

/** The first node whose work cannot be counted, and why: its sizes, how often its body runs, or what it does. */
export interface Uncounted {
  readonly node: Node
  readonly unknown: 'sizes' | 'runs' | 'operator'
}

/**
 * Multiply-accumulates of one run of the model: convolutions, matrix products, recurrent layers and attention, as is
 * usual; what works element by element counts nothing. Null where a size that matters is not a number, where a
 * loop's length is unknown, or where an operator is not known to us. `types` come from `inferTypes`.
 */
export function countMacs(model: Model, types: Types): number | null {
  const macs = modelMacs(model, types)
  return typeof macs === 'number' ? macs : null
}

/** What keeps `countMacs` from an answer; null where it has one. */
export function uncountedMacs(model: Model, types: Types): Uncounted | null {
  const macs = modelMacs(model, types)
  return typeof macs === 'number' ? null : macs
}

function modelMacs(model: Model, types: Types): number | Uncounted {
  return graphMacs(model.graph, types, new Set(model.functions.map((fn) => `${fn.domain}\n${fn.name}`)))
}

function graphMacs(graph: Graph, types: Types, functions: ReadonlySet<string>): number | Uncounted {
  let sum = 0
  for (const node of graph.nodes) {
    // The types of values inside a function are not among the given ones; inline functions first.
    if (functions.has(`${node.domain}\n${node.opType}`)) return { node, unknown: 'operator' }
    const macs = nestedMacs(node, types, functions) ?? nodeMacs(node, types)
    if (macs === null) return { node, unknown: macRules.has(operatorName(node)) ? 'sizes' : 'operator' }
    if (typeof macs !== 'number') return macs
    sum += macs
  }
  return sum
}

/** For a node with graphs inside: the dearer branch, or the body as often as it runs. */
function nestedMacs(node: Node, types: Types, functions: ReadonlySet<string>): number | Uncounted | undefined {
  const inside = [...nestedGraphs(node)].map(([, graph]) => graphMacs(graph, types, functions))
  if (inside.length === 0) return undefined
  const counted = inside.filter((macs) => typeof macs === 'number')
  if (counted.length < inside.length) return inside.find((macs) => typeof macs !== 'number')
  if (node.opType === 'If') return Math.max(...counted)
  const [body = 0] = counted
  if (body === 0) return 0
  if (node.opType !== 'Scan') return { node, unknown: 'runs' }
  const length = scanLength(node, types)
  return length === undefined ? { node, unknown: 'sizes' } : body * length
}

/** Scan reads its last inputs slice by slice. */
function scanLength(node: Node, types: Types): number | undefined {
  const [axis = 0] = intsAttribute(node, 'scan_input_axes', [])
  const first = node.inputs[node.inputs.length - intAttribute(node, 'num_scan_inputs', 1)]
  return sizesOf(types, first)?.at(axis)
}

/** The sizes of a tensor; undefined where the value is omitted, no tensor, or a size is not a number. */
export function sizesOf(types: Types, name: string | undefined): readonly number[] | undefined {
  const type = name ? types.get(name) : undefined
  if (type?.kind !== 'tensor' || !type.shape?.every((dim) => typeof dim === 'number')) return undefined
  return type.shape
}

interface Sizes {
  readonly node: Node
  /** Sizes of an input; throws `UnknownSize` where they are not numbers. */
  in(index: number): readonly number[]
  /** Those of its first output. */
  out(): readonly number[]
  has(index: number): boolean
}

class UnknownSize extends Error {}

/** Multiply-accumulates of one node without graphs inside; null where they cannot be told. */
export function nodeMacs(node: Node, types: Types): number | null {
  const rule = macRules.get(operatorName(node))
  if (!rule) return countsNothing(node) ? 0 : null
  const known = (name: string | undefined) => {
    const sizes = sizesOf(types, name)
    if (!sizes) throw new UnknownSize()
    return sizes
  }
  const sizes: Sizes = {
    node,
    in: (index) => known(node.inputs[index]),
    out: () => known(node.outputs[0]),
    has: (index) => (node.inputs[index] ?? '') !== '',
  }
  try {
    return rule(sizes)
  } catch (error) {
    if (error instanceof UnknownSize) return null
    throw error
  }
}

/** Operators of the runtime's own that multiply, by what their names have in common. */
const MULTIPLIES = /Attention|MatMul|Gemm|Conv|LSTM|GRU|RNN|MoE/

/** Whether an operator without a rule works element by element. */
const countsNothing = ({ domain, opType }: Node): boolean =>
  KNOWN_DOMAINS.has(domain) || (domain.startsWith('com.microsoft') && !MULTIPLIES.test(opType))

/** Every output element takes one filter: input channels of its group times the kernel. */
const convolution =
  (weight: number) =>
  (sizes: Sizes): number =>
    elementCount(sizes.out()) * elementCount(sizes.in(weight).slice(1))

const matrixProduct =
  (b: number) =>
  (sizes: Sizes): number =>
    elementCount(sizes.out()) * (sizes.in(0).at(-1) ?? sizes.in(b).at(-2) ?? 1)

const recurrent =
  (gates: number) =>
  (sizes: Sizes): number => {
    const [directions = 1, rows = 0, width = 0] = sizes.in(1)
    const hidden = rows / gates
    const [length = 0, batch = 0] = sizes.in(0)
    return length * batch * directions * gates * hidden * (width + hidden)
  }

/** The product of the sizes of all letters: exact for two operands. */
function einsum(sizes: Sizes): number {
  const terms = (stringAttribute(sizes.node, 'equation', '').split('->')[0] ?? '').replace(/\s/g, '').split(',')
  if (terms.length === 1) return 0
  if (terms.length > 2 || terms.some((term) => term.includes('.'))) throw new UnknownSize()
  const letters = new Map<string, number>()
  for (const [i, term] of terms.entries())
    for (const [at, letter] of [...term].entries())
      letters.set(letter, Math.max(letters.get(letter) ?? 1, sizes.in(i)[at] ?? 1))
  return elementCount([...letters.values()])
}

/** Scores and weighted values: each query meets each key once in either product. */
function attention(sizes: Sizes): number {
  const [query, key, value] = [sizes.in(0), sizes.in(1), sizes.in(2)]
  const past = sizes.has(4) ? (sizes.in(4)[2] ?? 0) : 0
  const batch = query[0] ?? 0
  if (query.length === 4) {
    const [, heads = 0, length = 0, size = 0] = query
    return batch * heads * length * ((key[2] ?? 0) + past) * (size + (value[3] ?? 0))
  }
  const [qHeads, kvHeads] = [intAttribute(sizes.node, 'q_num_heads', 1), intAttribute(sizes.node, 'kv_num_heads', 1)]
  const widths = (query[2] ?? 0) + ((value[2] ?? 0) / kvHeads) * qHeads
  return batch * (query[1] ?? 0) * ((key[1] ?? 0) + past) * widths
}

/** The same of the runtime's own, whose heads stand one behind the other: [batch, length, width] each. */
function multiHeadAttention(sizes: Sizes): number {
  const [query, key, value] = [sizes.in(0), sizes.in(1), sizes.in(2)]
  if ([query, key, value].some((operand) => operand.length !== 3)) throw new UnknownSize()
  const past = sizes.has(6) ? (sizes.in(6)[2] ?? 0) : 0
  return query[0]! * query[1]! * (key[1]! + past) * (query[2]! + value[2]!)
}

const macRules: ReadonlyMap<string, (sizes: Sizes) => number> = new Map([
  ['Conv', convolution(1)],
  ['ConvInteger', convolution(1)],
  ['QLinearConv', convolution(3)],
  ['com.microsoft.QLinearConv', convolution(3)],
  ['com.microsoft.FusedConv', convolution(1)],
  ['com.microsoft.NhwcFusedConv', convolution(1)],
  // Every input element is spread over one filter.
  ['ConvTranspose', (sizes) => elementCount(sizes.in(0)) * elementCount(sizes.in(1).slice(1))],
  ['DeformConv', convolution(1)],
  ['MatMul', matrixProduct(1)],
  ['MatMulInteger', matrixProduct(1)],
  ['QLinearMatMul', matrixProduct(3)],
  ['com.microsoft.MatMulIntegerToFloat', matrixProduct(1)],
  ['com.microsoft.DynamicQuantizeMatMul', matrixProduct(1)],
  ['com.microsoft.MatMulNBits', (sizes) => elementCount(sizes.out()) * intAttribute(sizes.node, 'K', 0)],
  ['com.microsoft.TransposeMatMul', (sizes) => elementCount(sizes.out()) * reduction(sizes)],
  ['com.microsoft.FusedMatMul', (sizes) => elementCount(sizes.out()) * reduction(sizes)],
  ['Gemm', (sizes) => elementCount(sizes.out()) * reduction(sizes)],
  ['com.microsoft.FusedGemm', (sizes) => elementCount(sizes.out()) * reduction(sizes)],
  ['com.microsoft.QGemm', (sizes) => elementCount(sizes.out()) * reduction(sizes)],
  ['Einsum', einsum],
  ['RNN', recurrent(1)],
  ['GRU', recurrent(3)],
  ['LSTM', recurrent(4)],
  ['Attention', attention],
  ['com.microsoft.MultiHeadAttention', multiHeadAttention],
])

/** The length that a product with a transposable first operand sums over. */
function reduction(sizes: Sizes): number {
  return sizes.in(0).at(intAttribute(sizes.node, 'transA', 0) === 1 ? -2 : -1) ?? 1
}
