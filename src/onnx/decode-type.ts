import type { TensorShapeProto, TypeProto, ValueInfoProto } from 'onnx-buf'
import { type Dim, type DType, dtypeFromCode, type Shape, type ValueInfo, type ValueType } from '../ir/index.ts'
import { decodeMetadata, has, irregular, regularEntries, type Shell, strip } from './shell.ts'

/** A declared type; undefined where none is stated, which the value says by `unknown`. */
export function decodeType(type: TypeProto | undefined): ValueType {
  if (!type) return { kind: 'unknown' }
  const read = interpret(type)
  if (!read) return { kind: 'unknown', kept: { message: type } satisfies Shell }
  return irregularType(type) ? { ...read, kept: { message: type } satisfies Shell } : read
}

function interpret(type: TypeProto): ValueType | undefined {
  const { value } = type
  switch (value.case) {
    case 'tensorType':
    case 'sparseTensorType':
      return {
        kind: value.case === 'tensorType' ? 'tensor' : 'sparse',
        dtype: decodeDtype(value.value.elemType),
        shape: value.value.shape ? decodeShape(value.value.shape) : null,
      }
    case 'sequenceType':
      return { kind: 'sequence', elem: optionalType(value.value.elemType) }
    case 'optionalType':
      return { kind: 'optional', elem: optionalType(value.value.elemType) }
    case 'mapType':
      return { kind: 'map', key: decodeDtype(value.value.keyType), value: optionalType(value.value.valueType) }
    default:
      return undefined
  }
}

const optionalType = (type: TypeProto | undefined): ValueType | null => (type ? decodeType(type) : null)

/** A number that ONNX 1.20 does not define reads as `undefined`; the shell holds the number. */
export function decodeDtype(code: number): DType {
  return dtypeFromCode(code) ?? 'undefined'
}

/** Numbers, symbols, and null where nothing is known of a dimension. */
export function decodeShape(shape: TensorShapeProto): Shape {
  return shape.dim.map(({ value }): Dim => {
    if (value.case === 'dimParam') return value.value === '' ? null : value.value
    // Some exporters write -1 for a dimension that they do not know.
    return value.case === 'dimValue' && value.value >= 0n && value.value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value.value)
      : null
  })
}

function irregularType(type: TypeProto): boolean {
  if (irregular(type)) return true
  if (has(type, 'denotation')) return true
  const { value } = type
  if (value.case === undefined || value.value.$unknown?.length) return true
  switch (value.case) {
    case 'tensorType':
    case 'sparseTensorType':
      return (
        !has(value.value, 'elemType') ||
        dtypeFromCode(value.value.elemType) === undefined ||
        (value.value.shape !== undefined && irregularShape(value.value.shape))
      )
    case 'mapType':
      return !has(value.value, 'keyType') || dtypeFromCode(value.value.keyType) === undefined
    default:
      return false
  }
}

function irregularShape(shape: TensorShapeProto): boolean {
  if (shape.$unknown?.length) return true
  return shape.dim.some(
    (dim) =>
      dim.$unknown?.length ||
      has(dim, 'denotation') ||
      (dim.value.case === 'dimParam' && dim.value.value === '') ||
      (dim.value.case === 'dimValue' && (dim.value.value < 0n || dim.value.value > BigInt(Number.MAX_SAFE_INTEGER))),
  )
}

/** Name, type and documentation of a value; what the model does not hold of the message is kept beside it. */
export function decodeValueInfo(message: ValueInfoProto): ValueInfo {
  const type = decodeType(message.type)
  const metadata = decodeMetadata(message.metadataProps)
  const keptEntries = !regularEntries(message.metadataProps)
  let kept: Shell | undefined
  const { name, docString } = message
  if (irregular(message, ['name']) || keptEntries) {
    strip(message, 'type')
    if (!keptEntries) strip(message, 'metadataProps')
    kept = { message }
  }
  return {
    name,
    type,
    ...(docString === '' ? {} : { docString }),
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(kept ? { kept } : {}),
  }
}
