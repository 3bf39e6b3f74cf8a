import { DTYPES, type DType } from './dtype.ts'
import type { Attribute, Graph, Node } from './model.ts'
import { type Tensor, tensorOf } from './tensor.ts'

const decoder = new TextDecoder()

/** ONNX string attributes are bytes; names and modes are always readable as text. */
const text = (value: string | Uint8Array): string => (typeof value === 'string' ? value : decoder.decode(value))

/** The int attribute, or `fallback` where it is absent. Values beyond 2^53 saturate: they mean "to the end" in ONNX. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'int' ? safe(attribute.value) : fallback
}

/** The ints attribute, or `fallback`; saturating as `intAttribute`. */
export function intsAttribute<F>(node: Node, name: string, fallback: F): readonly number[] | F {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'ints' ? attribute.value.map(safe) : fallback
}

/** The float attribute, or `fallback` where it is absent. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'float' ? attribute.value : fallback
}

/** The string attribute as text, or `fallback` where it is absent. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'string' ? text(attribute.value) : fallback
}

/** The strings attribute as texts, or `fallback` where it is absent. */
export function stringsAttribute<F>(node: Node, name: string, fallback: F): readonly string[] | F {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'strings' ? attribute.value.map(text) : fallback
}

/** The tensor attribute; undefined where it is absent. */
export function tensorAttribute(node: Node, name: string): Tensor | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'tensor' ? attribute.value : undefined
}

/** The graphs that this node holds in its attributes, with the attribute's name (`then_branch`, `body`, …). */
export function* nestedGraphs(node: Node): Generator<readonly [string, Graph]> {
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === 'graph') yield [name, attribute.value]
    if (attribute.type === 'graphs') for (const graph of attribute.value) yield [name, graph]
  }
}

/** Whether this node holds graphs in its attributes, as If, Loop and Scan do. */
export function hasNestedGraphs(node: Node): boolean {
  for (const [, attribute] of node.attributes)
    if (attribute.type === 'graph' || (attribute.type === 'graphs' && attribute.value.length > 0)) return true
  return false
}

/** Every node of a graph or a function, with those of nested graphs right behind the node that holds them. */
export function* allNodes({ nodes }: Pick<Graph, 'nodes'>): Generator<Node> {
  for (const node of nodes) {
    yield node
    // Hardly a node has any, and every pass walks all of them.
    if (hasNestedGraphs(node)) for (const [, nested] of nestedGraphs(node)) yield* allNodes(nested)
  }
}

/** The value of a `Constant` node in any of its seven spellings, or undefined (sparse values and references). */
export function constantValue(node: Node): Tensor | undefined {
  if (node.opType !== 'Constant' || node.domain !== '') return undefined
  const [entry] = node.attributes
  if (!entry) return undefined
  const attribute = entry[1]
  switch (attribute.type) {
    case 'tensor':
      return attribute.value
    case 'float':
      return tensorOf('float32', [], [attribute.value])
    case 'floats':
      return tensorOf('float32', [attribute.value.length], attribute.value)
    case 'int':
      return tensorOf('int64', [], BigInt64Array.of(attribute.value))
    case 'ints':
      return tensorOf('int64', [attribute.value.length], BigInt64Array.from(attribute.value))
    case 'string':
      return stringTensor([], [attribute.value])
    case 'strings':
      return stringTensor([attribute.value.length], attribute.value)
    default:
      return undefined
  }
}

function stringTensor(dims: readonly number[], values: readonly (string | Uint8Array)[]): Tensor {
  const encoder = new TextEncoder()
  return {
    name: '',
    dtype: 'string',
    dims,
    data: { form: 'strings', values: values.map((v) => (typeof v === 'string' ? encoder.encode(v) : v)) },
  }
}

const safe = (value: bigint): number =>
  Number(
    value > BigInt(Number.MAX_SAFE_INTEGER)
      ? Number.MAX_SAFE_INTEGER
      : value < BigInt(Number.MIN_SAFE_INTEGER)
        ? Number.MIN_SAFE_INTEGER
        : value,
  )

/** `{ type: 'int', … }` for an integer attribute. */
export const int = (value: number): Attribute => ({ type: 'int', value: BigInt(value) })
/** An element type as attributes name it (`to` of Cast, `dtype` of others): by its ONNX number. */
export const elementType = (dtype: DType): Attribute => int(DTYPES[dtype].code)
/** `{ type: 'float', … }`, rounded to the float32 that the file can hold. */
export const float = (value: number): Attribute => ({ type: 'float', value: Math.fround(value) })
/** `{ type: 'ints', … }` for whole numbers. */
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value: value.map(BigInt) })
/** `{ type: 'string', … }` for a text. */
export const string = (value: string): Attribute => ({ type: 'string', value })

/** What a node has besides operator, inputs and outputs. */
export interface NodeOptions {
  readonly domain?: string
  readonly name?: string
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** A node from its parts: `makeNode('Conv', ['x', 'w'], ['y'], { attributes: { strides: ints([2, 2]) } })`. */
export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  options: NodeOptions = {},
): Node {
  return {
    opType,
    inputs,
    outputs,
    domain: options.domain ?? '',
    name: options.name ?? '',
    attributes: new Map(Object.entries(options.attributes ?? {})),
  }
}
