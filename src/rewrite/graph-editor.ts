import {
  constantValue,
  type Graph,
  type GraphIndex,
  indexGraph,
  mapGraphs,
  NameSupply,
  type Node,
  operatorName,
  outerReads,
  readsOf,
  type Tensor,
  type ValueInfo,
} from '../ir/index.ts'

/**
 * A graph being rewritten: nodes in order, with producers and uses kept up to date, so that one rewrite costs its
 * neighbourhood and not the graph. Lives inside one pass; `finish` returns the immutable graph again.
 */
export class GraphEditor {
  readonly graph: Graph
  /** What is told of the graph as it came; what was edited since stands in the maps below, and goes before. */
  readonly #before: GraphIndex
  /** Replaced and inserted nodes live in the slot of the node that they came from, which keeps the order. */
  readonly #slots = new Map<number, Node[]>()
  /** Undefined for nodes that were taken away. */
  readonly #slotOf = new Map<Node, number | undefined>()
  readonly #producer = new Map<string, Node | undefined>()
  readonly #consumers = new Map<string, Set<Node>>()
  readonly #added = new Map<string, Tensor>()
  readonly #names: NameSupply
  readonly #outerConstant: (name: string) => Tensor | undefined
  #edits = 0

  /**
   * `outerConstant` answers for constants of the graphs around a nested one; `names` is shared by the editors of all
   * graphs of a model, because a nested graph must not reuse an outer name.
   */
  constructor(
    graph: Graph,
    outerConstant: (name: string) => Tensor | undefined = () => undefined,
    names: NameSupply = new NameSupply(graph),
  ) {
    this.graph = graph
    this.#before = indexGraph(graph)
    this.#outerConstant = outerConstant
    this.#names = names
    names.takeAllOf(graph)
  }

  /** Whether anything was changed since the start. */
  get changed(): boolean {
    return this.#edits > 0
  }

  /** The nodes as they stand, in topological order. */
  get nodes(): readonly Node[] {
    return this.graph.nodes.flatMap((node, slot) => this.#slots.get(slot) ?? node)
  }

  /** The nodes in order while they are being edited: a node changed further down is met as it stands by then. */
  *walk(): Generator<Node> {
    for (const [slot, unedited] of this.graph.nodes.entries())
      for (const node of [...(this.#slots.get(slot) ?? [unedited])]) if (this.has(node)) yield node
  }

  has(node: Node): boolean {
    return this.#slotOfNode(node) !== undefined
  }

  #slotOfNode(node: Node): number | undefined {
    return this.#slotOf.has(node) ? this.#slotOf.get(node) : this.#before.place.get(node)
  }

  /** The node that makes a value, where it is one of `operators`, by `operatorName`; any where none is named. */
  producer(value: string, ...operators: readonly string[]): Node | undefined {
    return among(operators, this.#maker(value))
  }

  #maker(value: string): Node | undefined {
    return this.#producer.has(value) ? this.#producer.get(value) : this.#before.producer.get(value)
  }

  /** The nodes that read a value, nested graphs' reads counted as the reads of the node that holds them. */
  consumers(value: string): readonly Node[] {
    const edited = this.#consumers.get(value)
    return edited ? [...edited] : (this.#before.consumers.get(value) ?? [])
  }

  #readers(value: string): number {
    return this.#consumers.get(value)?.size ?? this.#before.consumers.get(value)?.length ?? 0
  }

  isInput(value: string): boolean {
    return this.#before.inputs.has(value)
  }

  isOutput(value: string): boolean {
    return this.#before.outputs.has(value)
  }

  /** The only node that reads `value`, where there is exactly one, of `operators`, and the value is not a graph output. */
  soleConsumer(value: string, ...operators: readonly string[]): Node | undefined {
    if (this.isOutput(value) || this.#readers(value) !== 1) return undefined
    return among(operators, this.consumers(value)[0])
  }

  /** The constant behind a value: an initializer that no caller can override, a `Constant` node, or an outer one. */
  constant(value: string): Tensor | undefined {
    const { inputs } = this.#before
    const tensor = this.initializer(value)
    if (tensor) return inputs.has(value) ? undefined : tensor
    const producer = this.#maker(value)
    if (producer) return constantValue(producer)
    return inputs.has(value) ? undefined : this.#outerConstant(value)
  }

  initializer(value: string): Tensor | undefined {
    return this.#added.get(value) ?? this.graph.initializers.get(value)
  }

  /** A name that nothing uses yet, built on `hint`. */
  freshName(hint: string): string {
    return this.#names.fresh(hint)
  }

  /** Adds a constant under a fresh name built on `hint`, and returns the name. */
  addConstant(tensor: Tensor, hint: string): string {
    const name = this.freshName(hint)
    this.#added.set(name, { ...tensor, name })
    this.#edits++
    return name
  }

  /** Puts `nodes` where `node` stood. Values that only `node` made must be made again or be unused. */
  replace(node: Node, ...nodes: readonly Node[]): void {
    const slot = this.#slotOfNode(node)
    if (slot === undefined) throw new Error(`internal: ${node.name || node.opType} is not in the graph`)
    const list = this.#slots.get(slot) ?? [node]
    this.#slots.set(slot, list)
    this.#unlink(node)
    list.splice(list.indexOf(node), 1, ...nodes)
    for (const fresh of nodes) this.#link(fresh, slot)
    this.#edits++
  }

  /**
   * Lets constants stand under the names of a node's outputs, which must not be graph outputs, instead of the node and
   * of what was only there for it.
   */
  replaceByConstants(node: Node, tensors: readonly Tensor[]): void {
    this.remove(node)
    for (const name of readsOf(node)) {
      const maker = this.#maker(name)
      if (maker) this.removeUnused(maker)
    }
    node.outputs.forEach((name, i) => {
      if (name !== '' && this.isUsed(name)) this.#added.set(name, { ...tensors[i]!, name })
    })
  }

  remove(node: Node): void {
    this.replace(node)
  }

  insertBefore(node: Node, ...nodes: readonly Node[]): void {
    this.replace(node, ...nodes, node)
  }

  insertAfter(node: Node, ...nodes: readonly Node[]): void {
    this.replace(node, node, ...nodes)
  }

  /** Lets every reader of `from` read `to` instead; graph outputs keep their names and are not redirected. */
  redirect(from: string, to: string): void {
    for (const user of this.consumers(from)) this.replace(user, renameReads(user, from, to))
  }

  /**
   * Makes `value` be what `keep` was: readers of `value` read `keep`; where `value` is a graph output, the producer
   * of `keep` takes over that name. The node that made `value` goes where nothing else needs it. False, and nothing
   * done, where neither is possible.
   */
  bypass(value: string, keep: string): boolean {
    if (!this.isOutput(value)) {
      const made = this.#maker(value)
      this.redirect(value, keep)
      if (made) this.removeUnused(made)
      return true
    }
    const producer = this.#maker(keep)
    if (!producer || this.isOutput(keep) || this.initializer(keep)) return false
    const maker = this.#maker(value)
    if (maker?.outputs.some((name) => name !== value && this.isUsed(name))) return false
    this.redirect(value, keep)
    if (maker) this.remove(maker)
    this.replace(producer, { ...producer, outputs: producer.outputs.map((name) => (name === keep ? value : name)) })
    this.redirect(keep, value)
    return true
  }

  /** Takes away a node that nothing reads, and what was only there for it; nothing where it is still needed. */
  removeUnused(node: Node): void {
    const pending = [node]
    for (let next = pending.pop(); next; next = pending.pop()) {
      if (!this.has(next) || next.outputs.some((name) => this.isUsed(name))) continue
      this.remove(next)
      for (const name of readsOf(next)) {
        const maker = this.#maker(name)
        if (maker) pending.push(maker)
      }
    }
  }

  isUsed(value: string): boolean {
    return this.isOutput(value) || this.#readers(value) > 0
  }

  /** The graph as it stands, without the constants that were added and are not used. */
  finish(): Graph {
    if (this.#edits === 0) return this.graph
    const { initializers: before } = this.graph
    const added = [...this.#added].filter(([name]) => this.isUsed(name) || before.has(name))
    const initializers = new Map([...before, ...added])
    return { ...this.graph, nodes: this.nodes, initializers, valueInfos: this.#valueInfos() }
  }

  #valueInfos(): ReadonlyMap<string, ValueInfo> {
    return new Map([...this.graph.valueInfos].filter(([name]) => this.#maker(name)))
  }

  #link(node: Node, slot: number): void {
    this.#slotOf.set(node, slot)
    if (node.name) this.#names.take(node.name)
    for (const name of node.outputs) {
      if (name === '') continue
      this.#producer.set(name, node)
      this.#names.take(name)
    }
    for (const name of readsOf(node)) this.#editedConsumers(name).add(node)
  }

  #unlink(node: Node): void {
    this.#slotOf.set(node, undefined)
    for (const name of node.outputs) if (this.#maker(name) === node) this.#producer.set(name, undefined)
    for (const name of readsOf(node)) this.#editedConsumers(name).delete(node)
  }

  #editedConsumers(value: string): Set<Node> {
    const known = this.#consumers.get(value)
    if (known) return known
    const edited = new Set(this.#before.consumers.get(value))
    this.#consumers.set(value, edited)
    return edited
  }
}

const among = (operators: readonly string[], node: Node | undefined): Node | undefined =>
  node && (operators.length === 0 || operators.includes(operatorName(node))) ? node : undefined

/** The node with every read of `from`, nested graphs' outer reads included, turned into a read of `to`. */
export function renameReads(node: Node, from: string, to: string): Node {
  const inputs = node.inputs.map((name) => (name === from ? to : name))
  return { ...mapGraphs(node, (graph) => renameInGraph(graph, from, to)), inputs }
}

function renameInGraph(graph: Graph, from: string, to: string): Graph {
  if (!outerReads(graph).has(from)) return graph
  const rename = (value: ValueInfo) => (value.name === from ? { ...value, name: to } : value)
  return { ...graph, nodes: graph.nodes.map((node) => renameReads(node, from, to)), outputs: graph.outputs.map(rename) }
}
