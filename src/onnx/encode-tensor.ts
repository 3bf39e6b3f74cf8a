import {
  type SparseTensorProto,
  SparseTensorProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from 'onnx-buf'
import { DTYPES, dtypeFromCode, type SparseTensor, type Tensor } from '../ir/index.ts'
import type { EncodeContext } from './encode-context.ts'
import { encodeMetadata, put, revive, strip } from './shell.ts'
import { putTyped, TYPED_FIELDS } from './typed-data.ts'

/** Raw tensors at least this large (bytes) are streamed; smaller ones are copied into their message. */
const STREAMED = 1 << 12

/** The message of a tensor, on top of what was kept of the one that it was read from. */
export function encodeTensor(tensor: Tensor, context: EncodeContext): TensorProto {
  const message = revive(TensorProtoSchema, tensor.kept)
  put(message, 'name', tensor.name)
  put(message, 'docString', tensor.docString ?? '')
  message.dims = tensor.dims.map(BigInt)
  if (dtypeFromCode(message.dataType) !== tensor.dtype && !(tensor.dtype === 'undefined' && tensor.kept))
    message.dataType = DTYPES[tensor.dtype].code
  if (tensor.dtype === 'undefined' && tensor.kept) return message
  const { data } = tensor
  if (data.form === 'strings') {
    message.stringData = data.values as Uint8Array<ArrayBuffer>[]
    return message
  }
  const placement = context.place(tensor)
  if (typeof placement !== 'string') return putExternal(message, placement)
  if (data.form === 'external' && placement === 'keep') return putExternal(message, data.entries)
  if (message.dataLocation === TensorProto_DataLocation.EXTERNAL) strip(message, 'dataLocation', 'externalData')
  if (data.form === 'typed') putTyped(message, tensor.dtype, data.bytes)
  else if (data.bytes.byteLength < STREAMED) message.rawData = data.bytes.read() as Uint8Array<ArrayBuffer>
  else {
    delete (message as { rawData?: unknown }).rawData
    context.deferred.set(message, data.bytes)
    context.holders.add(message)
  }
  return message
}

function putExternal(message: TensorProto, entries: readonly (readonly [string, string])[]): TensorProto {
  message.dataLocation = TensorProto_DataLocation.EXTERNAL
  message.externalData = encodeMetadata(entries, message.externalData)
  strip(message, ...TYPED_FIELDS)
  return message
}

/** The same of a sparse tensor. */
export function encodeSparse(tensor: SparseTensor, context: EncodeContext): SparseTensorProto {
  const message = revive(SparseTensorProtoSchema, tensor.kept)
  message.values = encodeTensor(tensor.values, context)
  message.indices = encodeTensor(tensor.indices, context)
  message.dims = tensor.dims.map(BigInt)
  if (context.holders.has(message.values) || context.holders.has(message.indices)) context.holders.add(message)
  return message
}
