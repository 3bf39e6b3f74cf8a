import { constantValue } from '../attribute.ts'
import { type DType, isFloating } from '../dtype.ts'
import { functionKey, functionsByKey, nodesOfCall } from '../functions.ts'
import { graphNames } from '../graph-index.ts'
import {
  type Dim,
  type Graph,
  type Model,
  type ModelFunction,
  type Node,
  operatorName,
  type Shape,
  type ValueInfo,
  type ValueType,
} from '../model.ts'
import { roundTo } from '../numbers.ts'
import type { Tensor } from '../tensor.ts'
import { tensorDtype } from '../value-type.ts'
import type { Known, Outputs } from './call.ts'
import { elementsOfConstant, MAX_FOLLOWED } from './gather.ts'
import { mergeTypes, readType } from './merge.ts'
import { inferRules } from './rules.ts'
import { createSymbols, type Symbols } from './symbols.ts'

export interface InferOptions {
  /** Hears of every node outside functions with the types of its inputs; of a loop's body once for each reading. */
  readonly onNode?: (node: Node, inputs: readonly (ValueType | undefined)[]) => void
  /** Shapes of graph inputs that take the place of the declared ones; symbols they settle are settled everywhere. */
  readonly inputShapes?: Readonly<Record<string, Shape>>
}

/** A declared type that cannot be true. */
export interface TypeConflict {
  readonly value: string
  readonly what: string
}

/**
 * Types of all values of the model and of its nested graphs, by name; values that nothing is known of are absent.
 * Dimensions are numbers or symbols with arithmetic in one writing (`2*N+1`, `floor((H+1)/2)`); sizes
 * that have no name are called `?0`, `?1`, …, so that equal ones can still be told. Takes time
 * linear in the model and never throws, whatever the model holds. Values inside functions are not listed. Without options
 * the answer is kept for as long as the model is: most passes change nothing, and the next one asks about the same model.
 */
export function inferTypes(model: Model, options?: InferOptions): ReadonlyMap<string, ValueType> {
  if (options) return inferModel(model, options).types
  let types = inferred.get(model)
  if (!types) inferred.set(model, (types = inferModel(model).types))
  return types
}

const inferred = new WeakMap<Model, ReadonlyMap<string, ValueType>>()

/** As `inferTypes`, with the declared types that contradict what was inferred. */
export function inferModel(
  model: Model,
  options: InferOptions = {},
): { readonly types: ReadonlyMap<string, ValueType>; readonly conflicts: readonly TypeConflict[] } {
  const { bindings, trusted } = bindInputs(model.graph, options.inputShapes ?? {})
  const run: Run = {
    symbols: createSymbols(bindings),
    functions: functionsByKey(model),
    types: new Map(),
    conflicts: new Map(),
    trusted,
    unnamed: 0,
    left: MOST_READ + 10 * model.graph.nodes.length,
    onNode: options.onNode,
  }
  const inputs = model.graph.inputs.map((input) => inputType(run.symbols, input, options.inputShapes?.[input.name]))
  inferGraph(run, model.graph, inputs, undefined, model.opsets, true)
  return { types: run.types, conflicts: [...run.conflicts].map(([value, what]) => ({ value, what })) }
}

interface Run {
  readonly symbols: Symbols
  readonly functions: ReadonlyMap<string, ModelFunction>
  readonly types: Map<string, ValueType>
  readonly conflicts: Map<string, string>
  /** Whether declared sizes hold for the inputs asked about. */
  readonly trusted: boolean
  readonly onNode: InferOptions['onNode']
  /** Sizes without a name so far. */
  unnamed: number
  /**
   * Nodes that may still be read: each loop in a loop, or function called twice by a function, doubles the readings of
   * what is inside. Once they are spent no more bodies are entered, and what lies in them stays unknown.
   */
  left: number
}

/** The values that a graph sees: its own, and those of the graphs around it. */
interface Scope {
  readonly known: Map<string, Known>
  readonly constants: Map<string, Tensor>
  readonly outer: Scope | undefined
  readonly depth: number
}

/** Graphs and functions inside of each other beyond this depth are not followed. */
const MAX_DEPTH = 64
/** Nodes that are read however few a model has: about two seconds. */
const MOST_READ = 300_000

function bindInputs(graph: Graph, shapes: Readonly<Record<string, Shape>>) {
  const bindings = new Map<string, number>()
  let trusted = true
  for (const { name, type } of graph.inputs) {
    const shape = shapes[name]
    if (!shape || type.kind !== 'tensor' || !type.shape) continue
    for (const [i, dim] of type.shape.entries()) {
      const size = shape[i]
      if (typeof dim === 'string' && typeof size === 'number') bindings.set(dim, size)
      if (typeof dim === 'number' && size !== dim) trusted = false
    }
  }
  return { bindings, trusted }
}

function inputType(symbols: Symbols, input: ValueInfo, shape: Shape | undefined): Known | undefined {
  if (input.type.kind === 'unknown') return undefined
  const type = readType(symbols, input.type)
  return { type: shape && type.kind === 'tensor' ? { ...type, shape: shape.map(symbols.read) } : type }
}

function inferGraph(
  run: Run,
  graph: Graph,
  inputs: readonly (Known | undefined)[],
  outer: Scope | undefined,
  opsets: ReadonlyMap<string, number>,
  recorded: boolean,
): Outputs {
  const scope: Scope = { known: new Map(), constants: new Map(), outer, depth: (outer?.depth ?? 0) + 1 }
  const declared = new Map<string, ValueType>()
  for (const info of [...graph.valueInfos.values(), ...graph.outputs]) declared.set(info.name, info.type)
  /** Shapes with unnamed sizes, and the same with names: outputs that share a shape share the names. */
  const named = new Map<Shape, Shape>()
  const learn = (name: string, value: Known | undefined, check = true) => {
    if (name === '') return
    const stated = declared.get(name)
    const merged = mergeTypes(value?.type, stated && readType(run.symbols, stated), run.trusted)
    const { conflict } = merged
    if (merged.type.kind === 'unknown') return
    const type = withNames(run, named, merged.type)
    const follow = value?.elements !== undefined && value.elements.length <= MAX_FOLLOWED
    scope.known.set(name, follow ? { type, elements: heldBy(type, value.elements) } : { type })
    if (!recorded) return
    run.types.set(name, type)
    if (conflict !== undefined && check && run.trusted) run.conflicts.set(name, conflict)
  }
  for (const [name, constant] of graph.initializers) {
    scope.constants.set(name, constant)
    learn(name, knownConstant(constant))
  }
  for (const { values, dims } of graph.sparseInitializers ?? [])
    learn(values.name, { type: { kind: 'tensor', dtype: values.dtype, shape: dims } })
  for (const [i, info] of graph.inputs.entries()) {
    const constant = scope.known.get(info.name)
    const { type, conflict } = mergeTypes(inputs[i]?.type, readType(run.symbols, info.type), run.trusted)
    if (conflict !== undefined && outer === undefined && recorded) run.conflicts.set(info.name, conflict)
    // The elements of a default value are followed; another value may be given, but then of its own type.
    const value = constant ?? (type.kind === 'unknown' ? undefined : { ...inputs[i], type })
    learn(info.name, value, false)
  }
  run.left -= graph.nodes.length
  for (const node of graph.nodes) {
    const outputs = inferNode(run, node, scope, opsets, recorded)
    named.clear()
    for (const [i, name] of node.outputs.entries()) learn(name, outputs[i])
  }
  return graph.outputs.map((output) => lookup(scope, output.name))
}

/** Unknown sizes get a name; what no size can be (a node contradicts itself) counts as unknown. */
function withNames(run: Run, named: Map<Shape, Shape>, type: ValueType): ValueType {
  if (type.kind !== 'tensor' || !type.shape || type.shape.every(isSize)) return type
  const shape = named.get(type.shape) ?? type.shape.map((dim) => (isSize(dim) ? dim : `?${run.unnamed++}`))
  named.set(type.shape, shape)
  return { ...type, shape }
}

const isSize = (dim: Dim): boolean => typeof dim === 'string' || (dim !== null && Number.isSafeInteger(dim) && dim >= 0)

/** The elements as a value of this type holds them: 10 · 1.3 is 13 in float32, and a little less before it is rounded. */
function heldBy(type: ValueType, elements: readonly Dim[]): readonly Dim[] {
  const dtype = tensorDtype(type)
  if (dtype === undefined || !isFloating(dtype)) return elements
  return elements.map((element) => (typeof element === 'number' ? roundTo(dtype, element) : element))
}

function knownConstant(constant: Tensor): Known {
  const type = { kind: 'tensor', dtype: constant.dtype, shape: constant.dims } as const
  const elements = elementsOfConstant(constant)
  return elements ? { type, elements } : { type }
}

function lookup(scope: Scope | undefined, name: string): Known | undefined {
  for (let at = scope; at; at = at.outer) {
    const known = at.known.get(name)
    if (known) return known
  }
  return undefined
}

function lookupConstant(scope: Scope | undefined, name: string): Tensor | undefined {
  for (let at = scope; at; at = at.outer) {
    const constant = at.constants.get(name)
    if (constant) return constant
  }
  return undefined
}

function inferNode(
  run: Run,
  node: Node,
  scope: Scope,
  opsets: ReadonlyMap<string, number>,
  recorded: boolean,
): Outputs {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : lookup(scope, name)))
  if (recorded)
    run.onNode?.(
      node,
      inputs.map((input) => input?.type),
    )
  const goesOn = () => scope.depth <= MAX_DEPTH && run.left > 0
  const fn = run.functions.get(functionKey(node.domain, node.opType, node.overload))
  if (fn) return goesOn() ? inferFunction(run, fn, node, inputs, scope.depth) : []
  if (node.opType === 'Constant' && node.domain === '') return inferConstant(node, scope)
  const rule = inferRules.get(operatorName(node))
  if (!rule) return []
  try {
    return rule({
      node,
      inputs,
      opset: opsets.get(node.domain) ?? 1,
      symbols: run.symbols,
      constant: (index) => lookupConstant(scope, node.inputs[index] ?? ''),
      graph(graph, given) {
        if (goesOn()) return inferGraph(run, graph, given, scope, opsets, recorded)
        // What an earlier reading of it recorded need not hold for these inputs.
        for (const name of graphNames(graph)) run.types.delete(name)
        return []
      },
    })
  } catch {
    // A node that contradicts itself (a shape without the axis that it names, …) says nothing; the checker reports it.
    return []
  }
}

function inferConstant(node: Node, scope: Scope): Outputs {
  const constant = constantValue(node)
  if (constant) {
    if (node.outputs[0] !== undefined) scope.constants.set(node.outputs[0], constant)
    return [knownConstant(constant)]
  }
  const sparse = node.attributes.get('sparse_value')
  if (sparse?.type !== 'sparseTensor') return []
  const dtype: DType = sparse.value.values.dtype
  return [{ type: { kind: 'tensor', dtype, shape: sparse.value.dims } }]
}

/** A call of a model-local function: its body with the caller's attributes put in. */
function inferFunction(run: Run, fn: ModelFunction, call: Node, inputs: Outputs, depth: number): Outputs {
  const body: Graph = {
    name: fn.name,
    nodes: nodesOfCall(fn, call),
    inputs: fn.inputs.map((name) => ({ name, type: { kind: 'unknown' } })),
    outputs: fn.outputs.map((name) => ({ name, type: { kind: 'unknown' } })),
    initializers: new Map(),
    valueInfos: fn.valueInfos,
  }
  const around: Scope = { known: new Map(), constants: new Map(), outer: undefined, depth }
  return inferGraph(run, body, inputs, around, fn.opsets, false)
}
