import {
  type Attribute,
  constantValue,
  type Graph,
  hasNestedGraphs,
  inferTypes,
  type Model,
  type ModelFunction,
  makeNode,
  NameSupply,
  type Node,
  nodeLabel,
  readsOf,
  type Tensor,
  tensorBytes,
  type ValueType,
} from '../../ir/index.ts'
import type { Surroundings } from './adapter.ts'
import { ADAPTERS } from './adapters.ts'
import { STANDARD_OPERATORS } from './standard-operators.ts'

/** The standard operator set that models are brought to: every current runtime reads it. */
export const TARGET_OPSET = 21
/** The oldest set that can be brought up; before it, operators had other rules of broadcasting. */
export const OLDEST_OPSET = 7

/** The first IR version that each operator set came with, from the table of ONNX releases. */
const IR_OF_OPSET: readonly (readonly [opset: number, irVersion: number])[] = [
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
  [0, 3],
]

/** What changing the operator set did, as the report of a pass says it: this room knows no reports. */
export interface UpgradeReport {
  readonly id: string
  /** Nodes that were rewritten. */
  readonly applied: number
  readonly refused: readonly { readonly node: string; readonly reason: string }[]
  readonly notes?: readonly string[]
}

/**
 * The same model in a newer standard operator set (7 to 21): every node whose signature or meaning changed is rewritten
 * so that all answers stay. Nested graphs and functions included; other domains are left alone. Where one node cannot
 * be brought over it is named with the reason and the model comes back as it was, never half-way.
 */
export function upgradeOpset(model: Model, target = TARGET_OPSET): { model: Model; report: UpgradeReport } {
  const report = { id: 'upgradeOpset', applied: 0, refused: [] as { node: string; reason: string }[] }
  if (target < OLDEST_OPSET || target > TARGET_OPSET)
    throw new Error(`internal: opset ${target} is not among ${OLDEST_OPSET} to ${TARGET_OPSET}`)
  const due = (opsets: ReadonlyMap<string, number>) => (opsets.get('') ?? target) < target
  if (!due(model.opsets) && !model.functions.some((item) => due(item.opsets))) return { model, report }
  const run = new Upgrade(model, target, report)
  const graph = due(model.opsets) ? run.graph(model.graph, model.opsets.get('')!) : model.graph
  const functions = model.functions.map((item) => (due(item.opsets) ? run.function(item) : item))
  if (report.refused.length > 0) return { model, report: { ...report, applied: 0 } }
  const irVersion = Math.max(model.irVersion, IR_OF_OPSET.find(([opset]) => opset <= target)![1])
  const notes = [
    `read as opset ${target}; the standard operators were those of ${model.opsets.has('') ? `opset ${model.opsets.get('')}` : 'functions'}`,
  ]
  return {
    model: { ...model, irVersion, opsets: raised(model.opsets, target), graph, functions },
    report: { ...report, notes },
  }
}

function raised(opsets: ReadonlyMap<string, number>, target: number): ReadonlyMap<string, number> {
  const version = opsets.get('')
  return version === undefined ? opsets : new Map(opsets).set('', Math.max(version, target))
}

/** Where constants of the graph at hand go, and what is known around it. */
interface Scope {
  readonly constant: (value: string) => Tensor | undefined
  readonly used: ReadonlySet<string>
  readonly types: ReadonlyMap<string, ValueType>
  addConstant(tensor: Tensor, hint: string): string
}

class Upgrade {
  readonly #target: number
  readonly #report: { applied: number; refused: { node: string; reason: string }[] }
  readonly #types: ReadonlyMap<string, ValueType>
  readonly #names: NameSupply

  constructor(model: Model, target: number, report: Upgrade['report']) {
    this.#target = target
    this.#report = report
    this.#types = inferTypes(model)
    this.#names = new NameSupply(model.graph)
  }

  get report() {
    return this.#report
  }

  graph(graph: Graph, from: number, outer: Scope['constant'] = () => undefined): Graph {
    const inputs = new Set(graph.inputs.map((value) => value.name))
    const added = new Map<string, Tensor>()
    const produced = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
    const scope: Scope = {
      types: this.#types,
      constant(value) {
        const tensor = graph.initializers.get(value) ?? added.get(value)
        if (tensor || inputs.has(value)) return inputs.has(value) ? undefined : tensor
        const producer = produced.get(value)
        return producer ? constantValue(producer) : outer(value)
      },
      used: usedValues(
        graph.nodes,
        graph.outputs.map((value) => value.name),
      ),
      addConstant: sharing((tensor, hint) => {
        const name = this.#names.fresh(hint)
        added.set(name, { ...tensor, name })
        return name
      }),
    }
    const nodes = graph.nodes.flatMap((node) => this.#node(node, from, scope))
    return {
      ...graph,
      nodes,
      initializers: added.size > 0 ? new Map([...graph.initializers, ...added]) : graph.initializers,
    }
  }

  function(definition: ModelFunction): ModelFunction {
    const from = definition.opsets.get('')!
    const produced = new Map(definition.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
    for (const name of [...definition.inputs, ...produced.keys()]) this.#names.take(name)
    const before: Node[] = []
    const scope: Scope = {
      // Every call may bring other types.
      types: new Map(),
      constant: (value) => {
        const producer = produced.get(value)
        return producer && constantValue(producer)
      },
      used: usedValues(definition.nodes, definition.outputs),
      // Functions have no initializers.
      addConstant: sharing((tensor, hint) => {
        const name = this.#names.fresh(hint)
        before.push(makeNode('Constant', [], [name], { attributes: { value: { type: 'tensor', value: tensor } } }))
        return name
      }),
    }
    const nodes = definition.nodes.flatMap((node) => this.#node(node, from, scope))
    return { ...definition, nodes: [...before, ...nodes], opsets: raised(definition.opsets, this.#target) }
  }

  #node(node: Node, from: number, scope: Scope): readonly Node[] {
    const whole = this.#nested(node, from, scope)
    if (node.domain !== '') return [whole]
    if (!STANDARD_OPERATORS.has(node.opType))
      return this.#refuse(node, `${node.opType} is not a standard operator of opsets 7 to ${this.#target}`)
    if (from < OLDEST_OPSET) return this.#refuse(node, `opset ${from} is older than ${OLDEST_OPSET}`)
    const upgraded = this.#through(whole, from, scope)
    if (upgraded.length !== 1 || upgraded[0] !== whole) this.#report.applied++
    return upgraded
  }

  /** Applies the adapters of a node's operator in the order of versions, and those of what they make. */
  #through(node: Node, from: number, scope: Scope): readonly Node[] {
    const adapters = node.domain === '' ? ADAPTERS[node.opType] : undefined
    const version = adapters && nextVersion(adapters, from, this.#target)
    if (version === undefined) return [node]
    if ([...node.attributes.values()].some((attribute) => attribute.type === 'ref'))
      return this.#refuse(
        node,
        'an attribute comes from the caller of its function, and the newer operator needs its value',
      )
    const result = adapters![version]!(node, this.#around(scope))
    if ('refused' in result) return this.#refuse(node, result.refused)
    return result.flatMap((made) => this.#through(made, version, scope))
  }

  #around(scope: Scope): Surroundings {
    return {
      target: this.#target,
      constant: scope.constant,
      addConstant: scope.addConstant,
      freshName: (hint) => this.#names.fresh(hint),
      typeOf: (value) => scope.types.get(value),
      isUsed: (value) => scope.used.has(value),
    }
  }

  #nested(node: Node, from: number, scope: Scope): Node {
    if (!hasNestedGraphs(node)) return node
    const attributes = new Map<string, Attribute>()
    for (const [name, attribute] of node.attributes) {
      if (attribute.type === 'graph')
        attributes.set(name, { ...attribute, value: this.graph(attribute.value, from, scope.constant) })
      else if (attribute.type === 'graphs')
        attributes.set(name, {
          ...attribute,
          value: attribute.value.map((graph) => this.graph(graph, from, scope.constant)),
        })
      else attributes.set(name, attribute)
    }
    return { ...node, attributes }
  }

  #refuse(node: Node, reason: string): readonly Node[] {
    this.#report.refused.push({ node: nodeLabel(node), reason })
    return [node]
  }
}

function nextVersion(adapters: Readonly<Record<number, unknown>>, from: number, target: number): number | undefined {
  return Object.keys(adapters)
    .map(Number)
    .find((version) => version > from && version <= target)
}

function usedValues(nodes: readonly Node[], outputs: readonly string[]): ReadonlySet<string> {
  const used = new Set(outputs)
  for (const node of nodes) for (const name of readsOf(node)) used.add(name)
  return used
}

/** Gives equal small constants one name. */
function sharing(add: (tensor: Tensor, hint: string) => string): (tensor: Tensor, hint: string) => string {
  const names = new Map<string, string>()
  return (tensor, hint) => {
    const key = `${tensor.dtype} ${tensor.dims} ${tensorBytes(tensor)}`
    const known = names.get(key)
    if (known !== undefined) return known
    const name = add(tensor, hint)
    names.set(key, name)
    return name
  }
}
