import {
  type Attribute,
  allNodes,
  DTYPES,
  type DType,
  elementType,
  type Graph,
  indexGraph,
  type Model,
  NameSupply,
  type Node,
  type Tensor,
  tensorDtype,
  tensorOf,
  toFloat32,
  type ValueInfo,
  type ValueType,
} from '../../ir/index.ts'
import { type PassResult, refusedWhole, withGraph } from '../../rewrite/index.ts'
import { castsTo, castTo } from './casts.ts'
import { renamed } from './renamed.ts'

/**
 * The model in float32 wherever it was in one of these types; inputs and outputs keep theirs, behind Casts. `holds` says
 * whether float32 takes a constant.
 */
export function inFloat32(
  id: string,
  model: Model,
  types: ReadonlySet<DType>,
  holds: (tensor: Tensor) => boolean = () => true,
): PassResult {
  const reason = obstacle(model, types, holds)
  if (reason !== null) return refusedWhole(model, id, reason)
  const rewriting = new Rewriting(model, types)
  const graph = rewriting.border(model.graph)
  const { applied } = rewriting
  return { model: applied > 0 ? withGraph(model, graph) : model, report: { id, applied, refused: [] } }
}

/** Why the model is left as it is, or null. */
function obstacle(
  { functions, graph }: Model,
  types: ReadonlySet<DType>,
  holds: (tensor: Tensor) => boolean,
): string | null {
  if (functions.length > 0) return 'it has functions of its own'
  const of = (tensor: Tensor | undefined) => tensor !== undefined && types.has(tensor.dtype)
  const constant = graph.outputs.find(({ name }) => of(graph.initializers.get(name)))
  if (constant) return `its output ${constant.name} is a constant`
  const attributes = [...allNodes(graph)].flatMap((node) =>
    [...node.attributes.values()].flatMap((one) => (one.type === 'tensor' ? [one.value] : [])),
  )
  const wide = [...graph.initializers.values(), ...attributes].find((tensor) => of(tensor) && !holds(tensor))
  return wide
    ? `a number of its constant ${wide.name || '(without a name)'} is too large or too small for float32`
    : null
}

/** The main graph's inputs and outputs go through Casts; whatever is inside is float32 where it was of these types. */
class Rewriting {
  /** Values, constants and attributes that were of them. */
  applied = 0
  readonly #types: ReadonlySet<DType>
  readonly #codes: ReadonlySet<bigint>
  readonly #names: NameSupply
  /** Casts that give outputs of the main graph. */
  #ends: ReadonlySet<Node> = new Set()

  constructor(model: Model, types: ReadonlySet<DType>) {
    this.#names = new NameSupply(model.graph)
    this.#types = types
    this.#codes = new Set([...types].map((dtype) => BigInt(DTYPES[dtype].code)))
  }

  /** The main graph: what goes in and comes out keeps its name and its type. */
  border(graph: Graph): Graph {
    const half = ({ name, type }: ValueInfo) =>
      type.kind === 'tensor' && this.#types.has(type.dtype) && !graph.initializers.has(name)
    const halves = graph.inputs.filter(half)
    const given = new Set(halves.map(({ name }) => name))
    const { consumers } = indexGraph(graph)
    const readers = (name: string) => consumers.get(name) ?? []
    // What a Cast stands behind already, or before, needs none.
    const inputs = halves.filter(({ name }) => readers(name).some((node) => !castsTo(node, 'float32')))
    const outputs = graph.outputs.filter((one) => half(one) && !given.has(one.name))
    const ends = graph.nodes.filter(
      (node) =>
        outputs.some((one) => node.outputs[0] === one.name && castsTo(node, tensorDtype(one.type)!)) &&
        readers(node.outputs[0]!).length === 0,
    )
    this.#ends = new Set(ends)
    const kept = new Set(ends.map((node) => node.outputs[0]!))
    const open = outputs.filter(({ name }) => !kept.has(name))
    const names = new Map([...inputs, ...open].map(({ name }) => [name, this.#names.fresh(`${name}_float32`)]))
    this.applied += names.size
    const { nodes, initializers, valueInfos, inputs: widened, outputs: wide } = this.#inside(graph)
    // What the file says of the sizes of its outputs holds inside as well, and some runtimes need it there: of a cache
    // that grows, GroupQueryAttention itself infers the sizes of the one that it reads, and reuses the memory of that.
    const sizes = wide.flatMap((one) => (names.has(one.name) ? { ...one, name: names.get(one.name)! } : []))
    return {
      ...graph,
      // A constant that is listed as an input has the type that it is stored in.
      inputs: graph.inputs.map((one, i) => (given.has(one.name) ? one : widened[i]!)),
      initializers,
      valueInfos: new Map([...valueInfos, ...sizes.map((one) => [one.name, one] as const)]),
      nodes: [
        ...inputs.map(({ name }) => castTo(name, names.get(name)!, 'float32', this.#names)),
        ...nodes.map((node) => renamed(node, names)),
        ...open.map((one) => castTo(names.get(one.name)!, one.name, tensorDtype(one.type)!, this.#names)),
      ],
    }
  }

  /** Whatever stands in a graph, and in those inside it, of float32 where it was of 16 bits. */
  #inside(graph: Graph): Graph {
    return {
      ...graph,
      inputs: graph.inputs.map((one) => this.#info(one)),
      outputs: graph.outputs.map((one) => this.#info(one)),
      valueInfos: new Map([...graph.valueInfos].map(([name, one]) => [name, this.#info(one)])),
      initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, this.#tensor(tensor)])),
      nodes: graph.nodes.map((node) => this.#node(node)),
    }
  }

  #node(node: Node): Node {
    if (this.#ends.has(node)) return node
    const attributes = new Map([...node.attributes].map(([name, one]) => [name, this.#attribute(name, one)]))
    return [...attributes].every(([name, one]) => one === node.attributes.get(name)) ? node : { ...node, attributes }
  }

  #attribute(name: string, attribute: Attribute): Attribute {
    switch (attribute.type) {
      case 'int':
        if (!ELEMENT_TYPES.has(name) || !this.#codes.has(attribute.value)) return attribute
        this.applied++
        return elementType('float32')
      case 'tensor': {
        const value = this.#tensor(attribute.value)
        return value === attribute.value ? attribute : { ...attribute, value }
      }
      case 'typeProto':
        return { ...attribute, value: this.#type(attribute.value) }
      case 'graph':
        return { ...attribute, value: this.#inside(attribute.value) }
      case 'graphs':
        return { ...attribute, value: attribute.value.map((graph) => this.#inside(graph)) }
      default:
        return attribute
    }
  }

  #tensor(tensor: Tensor): Tensor {
    if (!this.#types.has(tensor.dtype)) return tensor
    this.applied++
    return { ...tensorOf('float32', tensor.dims, toFloat32(tensor)), name: tensor.name }
  }

  #info(info: ValueInfo): ValueInfo {
    const type = this.#type(info.type)
    return type === info.type ? info : { ...info, type }
  }

  #type(type: ValueType): ValueType {
    switch (type.kind) {
      case 'tensor':
      case 'sparse':
        return this.#types.has(type.dtype) ? { kind: type.kind, dtype: 'float32', shape: type.shape } : type
      case 'sequence':
      case 'optional':
        return type.elem ? { ...type, elem: this.#type(type.elem) } : type
      default:
        return type
    }
  }
}

/** Attributes that name the type of elements, of nodes that choose it themselves. */
const ELEMENT_TYPES: ReadonlySet<string> = new Set(['to', 'dtype', 'output_dtype', 'stash_type'])
