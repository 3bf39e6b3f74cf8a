/*
 * y = Op(x, w) in float16   ⇒   y = Cast<to = float16>(Op(Cast<to = float>(x), w)) in float32
 * Every float16 value of the model becomes float32, so that no value on the way is rounded to 11 bits, and so does every
 * bfloat16, with 8 of them; graph inputs and outputs keep their types, behind a Cast. Constants keep their values
 * exactly. Processors without arithmetic in float16 compute in float32 in any case, and pay for the way there and back
 * at each operator that stands alone; what is made for float32 (fusions, integer kernels) knows no float16.
 * Illegal: functions of the model's own, whose bodies are not looked into; a constant that is an output.
 * Source: IEEE 754 binary16.
 */
import {
  type Attribute,
  DTYPES,
  type DType,
  elementType,
  type Graph,
  indexGraph,
  type Model,
  makeNode,
  NameSupply,
  type Node,
  readsOf,
  type Tensor,
  tensorOf,
  toFloat32,
  type ValueInfo,
  type ValueType,
} from '../../ir/index.ts'
import { type Pass, renameReads, withGraph } from '../../rewrite/index.ts'
import { castsTo } from './casts-to.ts'

export const widenFloat16: Pass = {
  id: 'widenFloat16',
  summary: 'float32 in place of float16 and bfloat16 throughout: what processors compute in any case, and what fuses',
  run(model) {
    const reason = obstacle(model)
    if (reason !== null) {
      const refused = [{ node: model.graph.name || 'graph', reason }]
      return { model, report: { id: 'widenFloat16', applied: 0, refused } }
    }
    const widening = new Widening(model)
    const graph = widening.border(model.graph)
    const { applied } = widening
    return {
      model: applied > 0 ? withGraph(model, graph) : model,
      report: { id: 'widenFloat16', applied, refused: [] },
    }
  },
}

/** Why the model is left as it is, or null. */
function obstacle({ functions, graph }: Model): string | null {
  if (functions.length > 0) return 'it has functions of its own'
  const constant = graph.outputs.find(({ name }) => isHalf(graph.initializers.get(name)?.dtype))
  return constant ? `its output ${constant.name} is a constant` : null
}

/** The main graph's inputs and outputs go through Casts; whatever is inside is float32. */
class Widening {
  /** Values, constants and attributes that were of 16 bits. */
  applied = 0
  readonly #names: NameSupply
  /** Casts that give outputs of the main graph. */
  #ends: ReadonlySet<Node> = new Set()

  constructor(model: Model) {
    this.#names = new NameSupply(model.graph)
  }

  /** The main graph: what goes in and comes out keeps its name and its type. */
  border(graph: Graph): Graph {
    const half = ({ name, type }: ValueInfo) =>
      type.kind === 'tensor' && isHalf(type.dtype) && !graph.initializers.has(name)
    const halves = graph.inputs.filter(half)
    const given = new Set(halves.map(({ name }) => name))
    const { consumers } = indexGraph(graph)
    const readers = (name: string) => consumers.get(name) ?? []
    // What a Cast stands behind already, or before, needs none.
    const inputs = halves.filter(({ name }) => readers(name).some((node) => !castsTo(node, 'float32')))
    const outputs = graph.outputs.filter((one) => half(one) && !given.has(one.name))
    const ends = graph.nodes.filter(
      (node) =>
        outputs.some((one) => node.outputs[0] === one.name && castsTo(node, dtypeOf(one))) &&
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
    const cast = (from: string, to: string, dtype: DType) =>
      makeNode('Cast', [from], [to], { name: this.#names.fresh(`${to}_Cast`), attributes: { to: elementType(dtype) } })
    return {
      ...graph,
      // A constant that is listed as an input has the type that it is stored in.
      inputs: graph.inputs.map((one, i) => (given.has(one.name) ? one : widened[i]!)),
      initializers,
      valueInfos: new Map([...valueInfos, ...sizes.map((one) => [one.name, one] as const)]),
      nodes: [
        ...inputs.map(({ name }) => cast(name, names.get(name)!, 'float32')),
        ...nodes.map((node) => renamed(node, names)),
        ...open.map((one) => cast(names.get(one.name)!, one.name, dtypeOf(one))),
      ],
    }
  }

  /** Whatever stands in a graph, and in those inside it, of float32 where it was of 16 bits. */
  #inside(graph: Graph): Graph {
    return {
      ...graph,
      inputs: graph.inputs.map(widenedInfo),
      outputs: graph.outputs.map(widenedInfo),
      valueInfos: new Map([...graph.valueInfos].map(([name, one]) => [name, widenedInfo(one)])),
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
        if (!ELEMENT_TYPES.has(name) || !HALF_CODES.has(attribute.value)) return attribute
        this.applied++
        return elementType('float32')
      case 'tensor': {
        const value = this.#tensor(attribute.value)
        return value === attribute.value ? attribute : { ...attribute, value }
      }
      case 'typeProto':
        return { ...attribute, value: widenedType(attribute.value) }
      case 'graph':
        return { ...attribute, value: this.#inside(attribute.value) }
      case 'graphs':
        return { ...attribute, value: attribute.value.map((graph) => this.#inside(graph)) }
      default:
        return attribute
    }
  }

  #tensor(tensor: Tensor): Tensor {
    if (!isHalf(tensor.dtype)) return tensor
    this.applied++
    return { ...tensorOf('float32', tensor.dims, toFloat32(tensor)), name: tensor.name }
  }
}

/** Floating point of 16 bits. */
const HALVES = ['float16', 'bfloat16'] as const
const HALF_CODES: ReadonlySet<bigint> = new Set(HALVES.map((dtype) => BigInt(DTYPES[dtype].code)))
const isHalf = (dtype: DType | undefined): boolean => HALVES.some((half) => half === dtype)

const dtypeOf = ({ type }: ValueInfo): DType => (type.kind === 'tensor' ? type.dtype : 'undefined')

/** Attributes that name the type of elements, of nodes that choose it themselves. */
const ELEMENT_TYPES: ReadonlySet<string> = new Set(['to', 'dtype', 'output_dtype', 'stash_type'])

const widenedInfo = (info: ValueInfo): ValueInfo => {
  const type = widenedType(info.type)
  return type === info.type ? info : { ...info, type }
}

function widenedType(type: ValueType): ValueType {
  switch (type.kind) {
    case 'tensor':
    case 'sparse':
      return isHalf(type.dtype) ? { kind: type.kind, dtype: 'float32', shape: type.shape } : type
    case 'sequence':
    case 'optional':
      return type.elem ? { ...type, elem: widenedType(type.elem) } : type
    default:
      return type
  }
}

/** A node that reads and gives values by their new names. */
function renamed(node: Node, names: ReadonlyMap<string, string>): Node {
  const outputs = node.outputs.map((name) => names.get(name) ?? name)
  const same = outputs.every((name, i) => name === node.outputs[i])
  return [...names].reduce(
    (one, [from, to]) => (readsOf(one).has(from) ? renameReads(one, from, to) : one),
    same ? node : { ...node, outputs },
  )
}
