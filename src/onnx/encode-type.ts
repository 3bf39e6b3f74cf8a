import { create } from '@bufbuild/protobuf'
import {
  type TensorShapeProto,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_MapSchema,
  TypeProto_OptionalSchema,
  TypeProto_SequenceSchema,
  TypeProto_SparseTensorSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { type Dim, DTYPES, type DType, type Shape, type ValueInfo, type ValueType } from '../ir/index.ts'
import { decodeDtype, decodeShape } from './decode-type.ts'
import { encodeMetadata, put, revive, shellOf } from './shell.ts'

/** The message of a type, or undefined where none was stated. */
export function encodeType(type: ValueType): TypeProto | undefined {
  const shell = shellOf(TypeProtoSchema, type.kept)?.message
  if (type.kind === 'unknown') return shell
  const message = revive(TypeProtoSchema, type.kept)
  const old = shell?.value
  switch (type.kind) {
    case 'tensor': {
      const inner = Object.assign(
        create(TypeProto_TensorSchema),
        old?.case === 'tensorType' ? old.value : { elemType: 0 },
      )
      putElement(inner, type.dtype, type.shape)
      message.value = { case: 'tensorType', value: inner }
      break
    }
    case 'sparse': {
      const inner = Object.assign(
        create(TypeProto_SparseTensorSchema),
        old?.case === 'sparseTensorType' ? old.value : { elemType: 0 },
      )
      putElement(inner, type.dtype, type.shape)
      message.value = { case: 'sparseTensorType', value: inner }
      break
    }
    case 'sequence': {
      const inner = Object.assign(create(TypeProto_SequenceSchema), old?.case === 'sequenceType' ? old.value : {})
      message.value = { case: 'sequenceType', value: putType(inner, 'elemType', type.elem) }
      break
    }
    case 'optional': {
      const inner = Object.assign(create(TypeProto_OptionalSchema), old?.case === 'optionalType' ? old.value : {})
      message.value = { case: 'optionalType', value: putType(inner, 'elemType', type.elem) }
      break
    }
    case 'map': {
      const inner = Object.assign(create(TypeProto_MapSchema), old?.case === 'mapType' ? old.value : { keyType: 0 })
      if (decodeDtype(inner.keyType) !== type.key) inner.keyType = DTYPES[type.key].code
      message.value = { case: 'mapType', value: putType(inner, 'valueType', type.value) }
    }
  }
  return message
}

function putElement(message: { elemType: number; shape?: TensorShapeProto }, dtype: DType, shape: Shape | null): void {
  if (decodeDtype(message.elemType) !== dtype) message.elemType = DTYPES[dtype].code
  if (shape) message.shape = encodeShape(shape, message.shape)
  else delete message.shape
}

function putType<F extends string, M extends { [K in F]?: TypeProto }>(
  message: M,
  field: F,
  type: ValueType | null,
): M {
  const encoded = type && encodeType(type)
  if (encoded) message[field] = encoded as M[F]
  else delete message[field]
  return message
}

/** Dimensions that did not change keep what else the file said of them, where the rank is the same. */
function encodeShape(shape: Shape, old: TensorShapeProto | undefined): TensorShapeProto {
  const message = Object.assign(create(TensorShapeProtoSchema), old)
  const known = old?.dim.length === shape.length ? decodeShape(old) : undefined
  message.dim = shape.map((dim, i) => (known && known[i] === dim ? old!.dim[i]! : encodeDim(dim)))
  return message
}

function encodeDim(dim: Dim): TensorShapeProto_Dimension {
  const message = create(TensorShapeProto_DimensionSchema)
  if (typeof dim === 'number') message.value = { case: 'dimValue', value: BigInt(dim) }
  else if (dim !== null) message.value = { case: 'dimParam', value: dim }
  return message
}

/** The message of a value, on top of what was kept of the one that it was read from. */
export function encodeValueInfo(info: ValueInfo): ValueInfoProto {
  const message = revive(ValueInfoProtoSchema, info.kept)
  put(message, 'name', info.name, true)
  put(message, 'docString', info.docString ?? '')
  const type = encodeType(info.type)
  if (type) message.type = type
  message.metadataProps = encodeMetadata(info.metadata, message.metadataProps)
  return message
}
