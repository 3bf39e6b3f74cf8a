import type { DType } from './dtype.ts'
import type { Kept, SparseTensor, Tensor } from './tensor.ts'

/** A dimension: a size, a symbol shared by every value that names it, or null where nothing is known. */
export type Dim = number | string | null
/** Dimensions from the outermost in; a scalar has none. */
export type Shape = readonly Dim[]

/** The type of a value. A tensor's `shape` is null when even its rank is unknown. */
export type ValueType =
  | { readonly kind: 'tensor'; readonly dtype: DType; readonly shape: Shape | null; readonly kept?: Kept }
  | { readonly kind: 'sparse'; readonly dtype: DType; readonly shape: Shape | null; readonly kept?: Kept }
  | { readonly kind: 'sequence'; readonly elem: ValueType | null; readonly kept?: Kept }
  | { readonly kind: 'optional'; readonly elem: ValueType | null; readonly kept?: Kept }
  | { readonly kind: 'map'; readonly key: DType; readonly value: ValueType | null; readonly kept?: Kept }
  /** Declared without a type, or of a kind that ONNX 1.20 does not define. */
  | { readonly kind: 'unknown'; readonly kept?: Kept }

/** A named value with its declared type. */
export interface ValueInfo {
  readonly name: string
  readonly type: ValueType
  readonly docString?: string
  readonly metadata?: Metadata
  readonly kept?: Kept
}

/** Entries of `metadata_props`, in the order of the file. */
export type Metadata = readonly (readonly [key: string, value: string])[]

/** An attribute's value. `ref` stands inside functions for an attribute of the caller. */
export type Attribute = (
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: bigint }
  /** Bytes where the content is not UTF-8. */
  | { readonly type: 'string'; readonly value: string | Uint8Array }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'sparseTensor'; readonly value: SparseTensor }
  | { readonly type: 'typeProto'; readonly value: ValueType }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly bigint[] }
  | { readonly type: 'strings'; readonly value: readonly (string | Uint8Array)[] }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'sparseTensors'; readonly value: readonly SparseTensor[] }
  | { readonly type: 'typeProtos'; readonly value: readonly ValueType[] }
  | { readonly type: 'ref'; readonly name: string; readonly kind: number }
  | { readonly type: 'undefined' }
) & { readonly docString?: string; readonly kept?: Kept }

/**
 * One operator call. `inputs` and `outputs` are value names; '' is an omitted optional one. `domain` is '' for the
 * standard operators ('ai.onnx' is read as '').
 */
export interface Node {
  readonly opType: string
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly overload?: string
  readonly docString?: string
  readonly metadata?: Metadata
  readonly kept?: Kept
}

/** Nodes in topological order; values by name. Nested graphs see the names of the graphs around them. */
export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, Tensor>
  readonly sparseInitializers?: readonly SparseTensor[]
  /** Types of inner values that the file states. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo>
  readonly docString?: string
  readonly metadata?: Metadata
  readonly kept?: Kept
}

/** A model-local function: a graph over names with attributes as parameters. */
export interface ModelFunction {
  readonly name: string
  readonly domain: string
  readonly overload?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly string[]
  readonly defaults: ReadonlyMap<string, Attribute>
  readonly opsets: ReadonlyMap<string, number>
  readonly nodes: readonly Node[]
  readonly valueInfos: ReadonlyMap<string, ValueInfo>
  readonly docString?: string
  readonly metadata?: Metadata
  readonly kept?: Kept
}

/** An ONNX model as an immutable value. */
export interface Model {
  readonly irVersion: number
  /** Operator set version by domain; '' is the standard domain. */
  readonly opsets: ReadonlyMap<string, number>
  readonly producerName: string
  readonly producerVersion: string
  readonly domain: string
  readonly modelVersion: bigint
  readonly docString: string
  readonly graph: Graph
  readonly functions: readonly ModelFunction[]
  readonly metadata: Metadata
  readonly kept?: Kept
}

/** `Conv`, `com.microsoft.QuickGelu`: the operator's name as Whetstone prints it. */
export function operatorName(node: { readonly opType: string; readonly domain: string }): string {
  return node.domain === '' ? node.opType : `${node.domain}.${node.opType}`
}

/** How a report names a node: its own name, or its first output where it has none. */
export function nodeLabel(node: Node): string {
  return node.name || node.outputs.find((name) => name !== '') || operatorName(node)
}
