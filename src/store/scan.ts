import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  allConstants,
  allTensors,
  constantValue,
  elementCount,
  type Graph,
  inferTypes,
  KNOWN_DOMAINS,
  type Model,
  type Node,
  nestedGraphs,
  nodeLabel,
  operatorName,
  type SparseTensor,
  type Tensor,
  tensorByteLength,
  tensorValues,
  type ValueType,
} from '../ir/index.ts'

/** What reading the graph says of a model before anybody runs it. `danger` keeps it out of a store unless allowed. */
export interface Finding {
  readonly level: 'danger' | 'note'
  readonly kind: 'size-bomb' | 'custom-operator' | 'link' | 'endless-loop'
  readonly where: string
  readonly what: string
}

/** A single inner value above this takes most machines down. */
const MOST_VALUE_BYTES = 8 * 2 ** 30
/** Weights that unpack to this many times what is stored come from the same bytes again and again. */
const MOST_UNPACKING = 4
const UNPACKING_FROM = 2 ** 30
const MOST_ITERATIONS = 1_000_000_000n

/** Domains of operators that ONNX Runtime brings along, beyond those of ONNX itself. */
const RUNTIME_DOMAINS = new Set(['com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc', 'ai.onnx.training'])

/**
 * Reads the graph and nothing else: no weights are loaded, nothing is run. That external data lies inside the model's
 * folder and is as long as the tensors say was checked when the file was read (UserError `bad-model`); this finds what
 * a well-formed file can still do to whoever loads it.
 */
export function scanModel(model: Model): readonly Finding[] {
  const contents = contentsOf(model)
  return [...sizeBombs(model, contents), ...loops(contents), ...customOperators(model, contents)]
}

/** Symbolic links among the files of a model: what is kept is their content. */
export function scanFiles(modelPath: string, locations: readonly string[]): readonly Finding[] {
  return [modelPath, ...locations.map((location) => join(dirname(modelPath), location))].flatMap((path) =>
    lstatSync(path).isSymbolicLink()
      ? [{ level: 'note', kind: 'link', where: path, what: 'is a symbolic link; its content is what is kept' } as const]
      : [],
  )
}

interface Contents {
  /** With the constants, by name, of the graph or function that it stands in: nobody else in there has such a name. */
  readonly nodes: readonly { readonly node: Node; readonly constants: ReadonlyMap<string, Tensor> }[]
  readonly tensors: readonly Tensor[]
  readonly sparse: readonly SparseTensor[]
}

/** Everything in the graph, its nested graphs and its functions. */
function contentsOf(model: Model): Contents {
  const nodes: { node: Node; constants: ReadonlyMap<string, Tensor> }[] = []
  const visit = (graph: Pick<Graph, 'nodes'>, constants: Map<string, Tensor>) => {
    for (const node of graph.nodes) {
      nodes.push({ node, constants })
      const value = constantValue(node)
      if (value) constants.set(node.outputs[0]!, value)
      for (const [, nested] of nestedGraphs(node)) {
        for (const [name, tensor] of nested.initializers) constants.set(name, tensor)
        visit(nested, constants)
      }
    }
  }
  visit(model.graph, new Map(model.graph.initializers))
  for (const item of model.functions) visit(item, new Map())
  const sparse = [...allConstants(model)].filter((constant) => 'values' in constant)
  return { nodes, tensors: [...allTensors(model)], sparse }
}

function* sizeBombs(model: Model, { tensors, sparse }: Contents): Generator<Finding> {
  const bomb = (where: string, what: string): Finding => ({ level: 'danger', kind: 'size-bomb', where, what })
  for (const [name, type] of inferTypes(model)) {
    const bytes = bytesOf(type)
    if (bytes > MOST_VALUE_BYTES) yield bomb(name, `takes ${gigabytes(bytes)} whenever the model runs`)
  }
  for (const { values, dims } of sparse) {
    const bytes = tensorByteLength(values.dtype, dims)
    if (bytes > MOST_VALUE_BYTES) yield bomb(values.name || 'a sparse tensor', `unpacks to ${gigabytes(bytes)}`)
  }
  const stored = new Map<string, number>()
  let unpacked = 0
  for (const { data } of tensors) {
    if (data.form === 'strings') continue
    unpacked += data.bytes.byteLength
    if (data.form === 'external') {
      const fields = new Map(data.entries)
      stored.set(
        `${fields.get('location')} ${fields.get('offset') ?? 0} ${data.bytes.byteLength}`,
        data.bytes.byteLength,
      )
    } else stored.set(`inside ${stored.size}`, data.bytes.byteLength)
  }
  const kept = [...stored.values()].reduce((sum, bytes) => sum + bytes, 0)
  if (unpacked > UNPACKING_FROM && unpacked > MOST_UNPACKING * kept)
    yield bomb(
      'the weights',
      `${gigabytes(unpacked)} in memory come from ${gigabytes(kept)} of files, read again and again`,
    )
}

function bytesOf(type: ValueType): number {
  if (type.kind !== 'tensor' || type.shape === null || type.dtype === 'string') return 0
  const dims = type.shape.filter((dim): dim is number => typeof dim === 'number')
  // Open dimensions count once: whoever asks chooses them.
  return dims.some((dim) => dim === 0) ? 0 : tensorByteLength(type.dtype, [elementCount(dims)])
}

/** Loops that never end, or hardly: whether their count is an initializer or a Constant, here or around them. */
function* loops({ nodes }: Contents): Generator<Finding> {
  for (const { node, constants } of nodes) {
    if (operatorName(node) !== 'Loop') continue
    const [trips, going] = node.inputs
    const most = wholeNumber(constants.get(trips ?? ''))
    if (most !== undefined ? most > MOST_ITERATIONS : !trips && !going)
      yield {
        level: 'danger',
        kind: 'endless-loop',
        where: nodeLabel(node),
        what: most === undefined ? 'is a Loop that nothing ends' : `may run ${most} times`,
      }
  }
}

/** The one int64 that a constant holds. */
function wholeNumber(constant: Tensor | undefined): bigint | undefined {
  if (constant?.dtype !== 'int64' || elementCount(constant.dims) !== 1) return undefined
  const [value] = tensorValues(constant)
  return BigInt(value!)
}

function* customOperators(model: Model, { nodes }: Contents): Generator<Finding> {
  const own = new Set(model.functions.map(({ domain, name }) => operatorName({ domain, opType: name })))
  const counts = new Map<string, number>()
  for (const { node } of nodes) {
    const name = operatorName(node)
    if (KNOWN_DOMAINS.has(node.domain) || RUNTIME_DOMAINS.has(node.domain) || own.has(name)) continue
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const [name, count] of counts)
    yield {
      level: 'note',
      kind: 'custom-operator',
      where: name,
      what: `is used ${count}×, and no runtime knows it without a library of its own, which a store does not hold`,
    }
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB`
