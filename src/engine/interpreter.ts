import {
  allNodes,
  applyKernel,
  EvaluationError,
  elementCount,
  fromTensor,
  functionKey,
  functionsByKey,
  type Graph,
  kernelOf,
  type Model,
  type ModelFunction,
  type Node,
  ndValue,
  nodeLabel,
  nodesOfCall,
  operatorName,
  readsOf,
  type SparseTensor,
  type Tensor,
  type Value,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'

/** Values by name; a nested graph looks further in the scope around it. */
class Scope {
  readonly #values = new Map<string, Value>()
  readonly #outer: Scope | undefined
  readonly #constant: (name: string) => Value | undefined

  constructor(constant: (name: string) => Value | undefined, outer?: Scope) {
    this.#constant = constant
    this.#outer = outer
  }

  get(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#constant(name) ?? this.#outer?.get(name)
  }
  set(name: string, value: Value): void {
    this.#values.set(name, value)
  }
  delete(name: string): void {
    this.#values.delete(name)
  }
}

/** The versions of the operators, by domain, that the nodes of a body are written for. */
type Opsets = ReadonlyMap<string, number>

type Observer = (name: string, value: Value) => void

/** A graph ready to be run many times: weights are decoded once, the order of work is the order of its nodes. */
interface Interpreter {
  /**
   * Computes the named values from the graph inputs and nothing that they do not need. `observe` sees every value of
   * the main graph as it is made. A node without a value is a UserError that names it.
   */
  run(feeds: ReadonlyMap<string, Value>, fetch: readonly string[], observe?: Observer): ReadonlyMap<string, Value>
  /** Operators, of the model and its functions, that have no rule. */
  readonly unsupported: readonly string[]
}

export interface InterpreterOptions {
  /**
   * Carry float32, float16 and bfloat16 as float64 without rounding. Such values are handed out as float64, and may be
   * fed as float64.
   */
  readonly float64?: boolean
  /**
   * Integer kernels as on x86 processors without VNNI: two neighbouring products of an unsigned and a signed 8-bit code
   * are added in 16 bits, saturating. Shows on any machine what such a processor would answer. It needs the integer
   * operators themselves; a model that says DequantizeLinear → Conv → QuantizeLinear is float arithmetic here.
   */
  readonly saturate16?: boolean
}

/**
 * The operator table as an interpreter of a model, its functions and nested graphs. Weights are decoded once, when they
 * are first read.
 */
export const interpreterOf = (model: Model, options: InterpreterOptions): Interpreter =>
  new TableInterpreter(model, options)

class TableInterpreter implements Interpreter {
  readonly unsupported: readonly string[]
  readonly #model: Model
  readonly #float64: boolean
  readonly #saturate16: boolean
  readonly #functions: ReadonlyMap<string, ModelFunction>
  readonly #decoded = new WeakMap<Tensor, Value>()

  constructor(model: Model, { float64 = false, saturate16 = false }: InterpreterOptions) {
    this.#model = model
    this.#float64 = float64
    this.#saturate16 = saturate16
    this.#functions = functionsByKey(model)
    this.unsupported = unsupportedOperators(model, this.#functions)
  }

  run(feeds: ReadonlyMap<string, Value>, fetch: readonly string[], observe?: Observer): ReadonlyMap<string, Value> {
    const { graph, opsets } = this.#model
    const scope = new Scope(this.#constantsOf(graph))
    for (const [name, value] of feeds) scope.set(name, value)
    this.#runNodes(graph.nodes, fetch, scope, opsets, observe)
    return new Map(fetch.map((name) => [name, valueIn(scope, name)]))
  }

  #load(tensor: Tensor): Value {
    const known = this.#decoded.get(tensor)
    if (known) return known
    const value = fromTensor(tensor, this.#float64)
    this.#decoded.set(tensor, value)
    return value
  }

  #constantsOf(graph: Graph): (name: string) => Value | undefined {
    const sparse = new Map((graph.sparseInitializers ?? []).map((tensor) => [tensor.values.name, tensor]))
    return (name) => {
      const tensor = graph.initializers.get(name)
      if (tensor) return this.#load(tensor)
      const given = sparse.get(name)
      return given && dense(given, (part) => this.#load(part))
    }
  }

  #runNodes(nodes: readonly Node[], wanted: readonly string[], scope: Scope, opsets: Opsets, observe?: Observer): void {
    const { needed, uses } = planOf(nodes, wanted)
    for (const node of nodes) {
      if (!needed.has(node)) continue
      const outputs = this.#evaluate(node, scope, opsets)
      for (const [i, name] of node.outputs.entries()) {
        const value = outputs[i]
        if (name === '' || !value) continue
        observe?.(name, value)
        if (uses.has(name)) scope.set(name, value)
      }
      for (const name of readsOf(node)) {
        const left = (uses.get(name) ?? 0) - 1
        uses.set(name, left)
        // Values that nothing reads any more make room; those of outer graphs are not in this scope.
        if (left === 0) scope.delete(name)
      }
    }
  }

  #evaluate(node: Node, scope: Scope, opsets: Opsets): readonly Value[] {
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined
      const value = scope.get(name)
      if (!value) throw failure(node, `its input "${name}" has no value`)
      return value
    })
    const local = this.#functions.get(functionKey(node.domain, node.opType, node.overload))
    if (local) return this.#callFunction(local, node, inputs)
    const kernel = kernelOf(node)
    if (!kernel) throw failure(node, `the reference engine has no rule for ${operatorName(node)}`)
    try {
      const outputs = applyKernel(kernel, {
        node,
        inputs,
        opset: opsets.get(node.domain) ?? 1,
        float64: this.#float64,
        saturate16: this.#saturate16,
        runGraph: (graph, given) => this.#runNested(graph, given, scope, opsets),
      })
      if (!outputs) throw failure(node, 'its result is random')
      return outputs
    } catch (error) {
      if (error instanceof EvaluationError || error instanceof RangeError) throw failure(node, error.message, error)
      throw error
    }
  }

  #runNested(graph: Graph, inputs: readonly (Value | undefined)[], outer: Scope, opsets: Opsets): Value[] {
    const scope = new Scope(this.#constantsOf(graph), outer)
    const names = graph.inputs.map(({ name }) => name)
    bind(scope, names, inputs)
    const wanted = graph.outputs.map(({ name }) => name)
    this.#runNodes(graph.nodes, wanted, scope, opsets)
    return wanted.map((name) => valueIn(scope, name))
  }

  #callFunction(fn: ModelFunction, call: Node, inputs: readonly (Value | undefined)[]): Value[] {
    const scope = new Scope(() => undefined)
    bind(scope, fn.inputs, inputs)
    const body = nodesOfCall(fn, call)
    // An optional input that the caller leaves out is left out of the calls inside.
    const absent = new Set(fn.inputs.filter((_, i) => !inputs[i]))
    const nodes = absent.size === 0 ? body : body.map((inner) => without(inner, absent))
    this.#runNodes(nodes, fn.outputs, scope, fn.opsets)
    return fn.outputs.map((name) => valueIn(scope, name))
  }
}

/** Gives the inputs of a body their values; those that are left out stay without. */
function bind(scope: Scope, names: readonly string[], values: readonly (Value | undefined)[]): void {
  for (const [i, name] of names.entries()) {
    const value = values[i]
    if (value) scope.set(name, value)
  }
}

function failure(node: Node, why: string, cause?: unknown): UserError {
  return new UserError('unsupported', `${operatorName(node)} cannot be computed: ${why}.`, {
    where: nodeLabel(node),
    ...(cause === undefined ? {} : { cause }),
  })
}

function valueIn(scope: Scope, name: string): Value {
  const value = scope.get(name)
  if (!value) throw new UserError('bad-argument', `The model has no value "${name}".`, { where: name })
  return value
}

/** The nodes that the wanted names need, and how often each value is still read; wanted ones are never done. */
function planOf(nodes: readonly Node[], wanted: readonly string[]): { needed: Set<Node>; uses: Map<string, number> } {
  const needed = new Set<Node>()
  const uses = new Map<string, number>(wanted.map((name) => [name, Number.POSITIVE_INFINITY]))
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => name !== '' && uses.has(name))) continue
    needed.add(node)
    for (const name of readsOf(node)) uses.set(name, (uses.get(name) ?? 0) + 1)
  }
  return { needed, uses }
}

const without = (node: Node, absent: ReadonlySet<string>): Node => ({
  ...node,
  inputs: node.inputs.map((name) => (absent.has(name) ? '' : name)),
})

function dense(sparse: SparseTensor, load: (tensor: Tensor) => Value): Value {
  const [values, indices] = [load(sparse.values), load(sparse.indices)]
  if (values.kind !== 'tensor' || indices.kind !== 'tensor' || values.dtype === 'string')
    throw new EvaluationError('a sparse tensor that is not numeric')
  const rank = sparse.dims.length
  const flat = indices.dims.length === 1
  const count = elementCount(sparse.dims)
  const Type = values.data.constructor as Float64ArrayConstructor
  const out = new Type(count)
  for (let i = 0; i < values.data.length; i++) {
    let place = flat ? Number(indices.data[i]) : 0
    if (!flat)
      for (let axis = 0; axis < rank; axis++) place = place * sparse.dims[axis]! + Number(indices.data[i * rank + axis])
    out[place] = values.data[i] as number
  }
  return ndValue(values.dtype, sparse.dims, out)
}

function unsupportedOperators(model: Model, functions: ReadonlyMap<string, ModelFunction>): string[] {
  const missing = new Set<string>()
  for (const body of [model.graph, ...model.functions])
    for (const node of allNodes(body))
      if (!kernelOf(node) && !functions.has(functionKey(node.domain, node.opType, node.overload)))
        missing.add(operatorName(node))
  return [...missing].sort()
}

/** Names of the main graph that a run can hand out. */
export function valueNames(graph: Graph): ReadonlySet<string> {
  const own = new Set(graph.inputs.map((value) => value.name))
  for (const name of graph.initializers.keys()) own.add(name)
  for (const sparse of graph.sparseInitializers ?? []) own.add(sparse.values.name)
  for (const node of graph.nodes) for (const name of node.outputs) if (name !== '') own.add(name)
  return own
}
