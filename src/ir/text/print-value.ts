import type { Attribute, Dim, Graph, Shape, ValueInfo, ValueType } from '../model.ts'
import type { SparseTensor, Tensor } from '../tensor.ts'
import { literalCount, printedElements, printedFloat32, printedHex } from './elements.ts'
import { ATTRIBUTE_KINDS, printedName, quoted, typeName } from './names.ts'
import { printedNote } from './notes.ts'

export interface PrintOptions {
  /**
   * Constants with more elements than this show only the first few and `...`; such a text cannot be parsed back.
   * Everything is printed where it is absent.
   */
  readonly maxElements?: number
}

/** Elements shown of a constant that is too big to be printed whole. */
const SHOWN = 4

/** A type in the text notation: `float[N,3]`, `seq(float)`, `?` where it is not known. */
export function printedType(type: ValueType | null): string {
  if (type === null) return '?'
  switch (type.kind) {
    case 'tensor':
      return typeName(type.dtype) + printedShape(type.shape)
    case 'sparse':
      return `sparse_tensor(${typeName(type.dtype)}${printedShape(type.shape)})`
    case 'sequence':
      return `seq(${printedType(type.elem)})`
    case 'optional':
      return `optional(${printedType(type.elem)})`
    case 'map':
      return `map(${typeName(type.key)}, ${printedType(type.value)})`
    case 'unknown':
      return '?'
  }
}

const printedShape = (shape: Shape | null): string =>
  shape === null ? '[]' : shape.length === 0 ? '' : `[${shape.map(printedDim).join(',')}]`

const printedDim = (dim: Dim): string => (dim === null ? '?' : typeof dim === 'number' ? String(dim) : printedName(dim))

/** A value with its type, or the name alone where the type is not known. */
export function printedValue(value: ValueInfo): string {
  const type = value.type.kind === 'unknown' ? '' : `${printedType(value.type)} `
  return type + printedName(value.name) + printedNote(value)
}

/** A constant with its type; `named` where `name = ` stands before the data whatever the name is. */
export function printedTensor(tensor: Tensor, options: PrintOptions, named = false): string {
  const type = typeName(tensor.dtype) + printedShape(tensor.dims)
  const name = named || tensor.name !== '' ? ` ${printedName(tensor.name)}` : ''
  const note = printedNote({ ...(tensor.docString === undefined ? {} : { docString: tensor.docString }) })
  const equals = named || note !== '' || tensor.data.form === 'external' ? ' =' : ''
  return `${type}${name}${equals}${note} ${printedData(tensor, options)}`
}

function printedData(tensor: Tensor, { maxElements = Number.POSITIVE_INFINITY }: PrintOptions): string {
  const { data } = tensor
  if (data.form === 'external')
    return `[${data.entries.map(([key, value]) => `${quoted(key)}: ${quoted(value)}`).join(', ')}]`
  if (literalCount(tensor.dtype, tensor.dims) <= maxElements) return `{${[...printedElements(tensor)].join(', ')}}`
  const shown: string[] = []
  for (const element of printedElements(tensor)) {
    if (shown.length === SHOWN) break
    shown.push(element)
  }
  return `{${[...shown, '...'].join(', ')}}`
}

/** `sparse_tensor(float[4,4]) name = {values, indices}`; the name only where it is asked for. */
export function printedSparse(sparse: SparseTensor, options: PrintOptions, named = false): string {
  const { values, indices, dims } = sparse
  const name = named ? ` ${printedName(values.name)} =` : ''
  const type = `sparse_tensor(${typeName(values.dtype)}${printedShape(dims)})`
  return `${type}${name} {${printedTensor(values, options)}, ${printedTensor(indices, options)}}`
}

type GraphPrinter = (graph: Graph) => string

/** `axis = 1`; the type is stated only where the value does not show it. */
export function printedAttribute(
  name: string,
  attribute: Attribute,
  options: PrintOptions,
  graph: GraphPrinter,
): string {
  const kind = announcedKind(attribute)
  const annotation = kind === undefined ? '' : `: ${ATTRIBUTE_KINDS[kind] ?? 'undefined'}`
  const value = printedAttributeValue(attribute, options, graph)
  const note = attribute.docString === undefined ? '' : printedNote({ docString: attribute.docString })
  return `${printedName(name)}${annotation} = ${value}${note}`
}

const LIST_KIND: Partial<Record<Attribute['type'], number>> = {
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensors: 12,
  typeProtos: 14,
}

function announcedKind(attribute: Attribute): number | undefined {
  if (attribute.type === 'undefined') return 0
  if (attribute.type === 'ref') return attribute.kind > 0 ? attribute.kind : undefined
  return Array.isArray(attribute.value) && attribute.value.length === 0 ? LIST_KIND[attribute.type] : undefined
}

function printedAttributeValue(attribute: Attribute, options: PrintOptions, graph: GraphPrinter): string {
  const list = <T>(values: readonly T[], print: (value: T) => string) => `[${values.map(print).join(', ')}]`
  const sparse = (value: SparseTensor) => printedSparse(value, options)
  const tensor = (value: Tensor) => printedTensor(value, options)
  switch (attribute.type) {
    case 'float':
      return printedFloat(attribute.value)
    case 'int':
      return String(attribute.value)
    case 'string':
      return printedString(attribute.value)
    case 'tensor':
      return tensor(attribute.value)
    case 'graph':
      return graph(attribute.value)
    case 'sparseTensor':
      return sparse(attribute.value)
    case 'typeProto':
      return printedType(attribute.value)
    case 'floats':
      return list(attribute.value, printedFloat)
    case 'ints':
      return list(attribute.value, String)
    case 'strings':
      return list(attribute.value, printedString)
    case 'tensors':
      return list(attribute.value, tensor)
    case 'graphs':
      return list(attribute.value, graph)
    case 'sparseTensors':
      return list(attribute.value, sparse)
    case 'typeProtos':
      return list(attribute.value, printedType)
    case 'ref':
      return `@${printedName(attribute.name)}`
    case 'undefined':
      return '?'
  }
}

/** A float that does not read as an integer: `1.0`, `1e-5`, `inf`. */
function printedFloat(value: number): string {
  const text = printedFloat32(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

const printedString = (value: string | Uint8Array): string =>
  typeof value === 'string' ? quoted(value) : printedHex(value)
