import {
  activationPeakBytes,
  allNodes,
  checkModel,
  constantValue,
  countMacs,
  type DType,
  elementCount,
  type Graph,
  inferTypes,
  inlineFunctions,
  isFloating,
  type Model,
  type Node,
  nestedGraphs,
  operatorName,
  type Shape,
  type SparseTensor,
  type Tensor,
  tensorByteLength,
  uncountedMacs,
  type ValueInfo,
} from '../ir/index.ts'
import { modelBytes, modelDigest } from '../onnx/index.ts'
import { shellWord } from '../platform/index.ts'
import type { InspectionReport } from '../report/index.ts'
import { countTrees } from './count-trees.ts'
import { whyUncounted } from './why-uncounted.ts'

export interface InspectOptions {
  readonly path?: string
  /** Sizes for open dimensions, by input name. */
  readonly shapes?: Readonly<Record<string, Shape>>
}

/** An input or output as it is written: with these, `openDataset` knows what a model takes. */
export interface InspectedValue {
  readonly name: string
  /** The element type of a tensor; else the kind of value (`sequence`, `map`, `optional`, `unknown`). */
  readonly dtype: DType
  readonly shape: Shape | null
}

/** A report on a model whose inputs and outputs have the types of the library, not only those of JSON. */
export type Inspection = InspectionReport & {
  readonly inputs: readonly InspectedValue[]
  readonly outputs: readonly InspectedValue[]
}

/** What is in a model: ports, operators, parameters, multiply-accumulates, memory, and what can be done with it. */
export function inspect(model: Model, options: InspectOptions = {}): Inspection {
  const started = performance.now()
  // What a function computes counts like what stands outside.
  const inlined = inlineFunctions(model)
  const types = inferTypes(inlined, options.shapes ? { inputShapes: options.shapes } : {})
  const { graph } = model
  const overridden = new Set(graph.initializers.keys())
  const { dense, sparse } = mergeHeld([heldBy(graph), ...model.functions.map(({ nodes }) => constantsOf(nodes))])
  // Where a sparse value stands takes bytes, but is no parameter.
  const weights = [...dense, ...sparse.map(({ values }) => values)]
  const stored = [...weights, ...sparse.map(({ indices }) => indices)]
  const learned = inAttributes(graph.nodes)
  const trees = countTrees(allNodes(inlined.graph))
  const uncounted = uncountedMacs(inlined, types)
  const inputs = graph.inputs.filter(({ name }) => !overridden.has(name)).map((value) => summary(value, options.shapes))
  const problems = checkModel(model).map(({ where, what }) => `${where}: ${what}`)
  return {
    kind: 'inspection',
    version: 1,
    model: {
      path: options.path ?? graph.name,
      digest: modelDigest(model),
      bytes: modelBytes(model),
      irVersion: model.irVersion,
      opsets: Object.fromEntries(model.opsets),
      producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    },
    inputs,
    outputs: graph.outputs.map((value) => summary({ ...value, type: types.get(value.name) ?? value.type })),
    parameters: weights.reduce((sum, tensor) => sum + elementCount(tensor.dims), 0) + learned.count,
    macs: countMacs(inlined, types),
    ...(uncounted ? { macsReason: whyUncounted(uncounted, inputs) } : {}),
    memory: {
      weightBytes: stored.reduce((sum, tensor) => sum + tensorByteLength(tensor.dtype, tensor.dims), 0) + learned.bytes,
      activationPeakBytes: activationPeakBytes(inlined, types),
    },
    operators: countOperatorNames(model),
    ...(trees ? { trees } : {}),
    possibilities: possibilities(inlined, weights, options.path === undefined ? 'MODEL' : shellWord(options.path)),
    warnings: [...problems, ...sharedNames(graph.nodes), ...inputsWithValues(model)],
    elapsedMs: Math.round(performance.now() - started),
  }
}

/** Tensors that the file holds, wherever: initializers, Constant nodes, and those of nested graphs. */
interface Held {
  readonly dense: readonly Tensor[]
  readonly sparse: readonly SparseTensor[]
}

const mergeHeld = (all: readonly Held[]): Held => ({
  dense: all.flatMap(({ dense }) => dense).filter(({ dtype }) => dtype !== 'string'),
  sparse: all.flatMap(({ sparse }) => sparse),
})

const heldBy = (graph: Graph): Held =>
  mergeHeld([
    { dense: [...graph.initializers.values()], sparse: graph.sparseInitializers ?? [] },
    constantsOf(graph.nodes),
  ])

function constantsOf(nodes: readonly Node[]): Held {
  return mergeHeld(
    nodes.flatMap((node) => {
      const own = constantValue(node)
      const sparse = node.opType === 'Constant' ? node.attributes.get('sparse_value') : undefined
      return [
        { dense: own ? [own] : [], sparse: sparse?.type === 'sparseTensor' ? [sparse.value] : [] },
        ...[...nestedGraphs(node)].map(([, nested]) => heldBy(nested)),
      ]
    }),
  )
}

/**
 * What trees, linear models and support vectors learned stands in attributes of their node, not in tensors. Fractions
 * are counted; whole numbers there say how things hang together (which node of a tree comes next).
 */
function inAttributes(nodes: readonly Node[]): { readonly count: number; readonly bytes: number } {
  let [count, bytes] = [0, 0]
  for (const node of nodes)
    for (const attribute of node.domain === 'ai.onnx.ml' ? node.attributes.values() : []) {
      if (attribute.type === 'floats') {
        count += attribute.value.length
        bytes += 4 * attribute.value.length
      } else if (attribute.type === 'tensor' && isFloating(attribute.value.dtype)) {
        count += elementCount(attribute.value.dims)
        bytes += tensorByteLength(attribute.value.dtype, attribute.value.dims)
      }
    }
  return { count, bytes }
}

/** The runtime refuses a graph with two nodes of one name, though each node is valid by itself. */
function sharedNames(nodes: readonly Node[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { name } of nodes) if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].flatMap(([name, count]) =>
    count > 1 ? [`${count} nodes are named "${name}": ONNX Runtime refuses to load them`] : [],
  )
}

/** Files before IR version 4 had to list every weight among the inputs, so that there it says nothing. */
function inputsWithValues({ graph, irVersion }: Model): readonly string[] {
  const names = graph.inputs.filter(({ name }) => graph.initializers.has(name)).map(({ name }) => `"${name}"`)
  if (irVersion < 4 || names.length === 0) return []
  const some = names.length <= 5 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`
  return [
    `inputs that have a value in the file are taken as constants here, and nothing that is made of the model can be fed them: ${some}`,
  ]
}

function summary(value: ValueInfo, shapes?: InspectOptions['shapes']): InspectedValue {
  const { type, name } = value
  if (type.kind === 'tensor' || type.kind === 'sparse')
    return { name, dtype: type.dtype, shape: shapes?.[name] ?? type.shape?.map(nameless) ?? null }
  // A kind of value stands where the element type of a tensor would; no data set feeds such an input.
  return { name, dtype: type.kind as DType, shape: null }
}

/** Sizes that inference had to make a name up for (`?0`) have none in the file. */
const nameless = (size: Shape[number]) => (typeof size === 'string' && size.startsWith('?') ? null : size)

function countOperatorNames(model: Model): Record<string, number> {
  const counts = new Map<string, number>()
  for (const node of allNodes(model.graph)) {
    const name = operatorName(node)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)))
}

/** Convolutions, products and recurrent layers: without one, no scheme finds anything to do. */
const mayBecomeInteger = (operators: Readonly<Record<string, number>>) =>
  Object.keys(operators).some((name) => /Conv|MatMul|Gemm|LSTM|GRU|RNN|Einsum|Attention|Gather$/.test(name))

/** Plain words on what Whetstone has to offer for these operators; `file` is how a command names the model. */
function possibilities(model: Model, weights: readonly Tensor[], file: string): readonly string[] {
  const operators = countOperatorNames(model)
  const has = (...names: readonly string[]) => names.some((name) => operators[name])
  const optimize = `whet optimize ${file} --data YOUR_ROWS -o out`
  const words: string[] = []
  if (has('DynamicQuantizeLinear', 'com.microsoft.DynamicQuantizeMatMul', 'com.microsoft.DynamicQuantizeLSTM'))
    words.push('products that round what they read in each run: whet optimize undoes that and chooses anew')
  if (weights.some(({ dtype }) => dtype === 'float16'))
    words.push('float16: whet optimize makes what it can of the same weights in float32')
  if (has('QuantizeLinear', 'QLinearConv', 'com.microsoft.MatMulNBits'))
    words.push('already quantized in part: whet quantize leaves those nodes alone, whet optimize tries them anew')
  if (has('Conv'))
    words.push(
      `static int8 (needs sample rows): whet quantize ${file} --scheme static-int8 --data YOUR_ROWS -o int8.onnx`,
    )
  if (has('MatMul', 'Gemm'))
    words.push(
      `dynamic int8, and weight-only int4 or int8 for size, need no rows: whet quantize ${file} --scheme dynamic-int8 -o int8.onnx`,
    )
  if ((model.opsets.get('') ?? 1) < 13)
    words.push(
      `operator set ${model.opsets.get('') ?? 1} is old, and simplifying upgrades it: whet simplify ${file} -o simplified.onnx`,
    )
  if (has('BatchNormalization', 'Dropout', 'Identity', 'Constant'))
    words.push(`lossless simplification will remove nodes: whet simplify ${file} -o simplified.onnx`)
  if (words.length === 0)
    return [`nothing here becomes integer; nodes may still go: whet simplify ${file} -o simplified.onnx`]
  if (model.graph.nodes.some(({ domain }) => domain === 'ai.onnx.ml') && !mayBecomeInteger(operators))
    return [
      `nothing here becomes integer: trees, linear models and their like run as they are. What can still be had is fewer nodes, proven on your rows: ${optimize}`,
      ...words,
    ]
  return [`all of it, measured and proven on your rows: ${optimize}`, ...words]
}
