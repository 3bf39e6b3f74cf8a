import { type SparseTensorProto, type TensorProto, TensorProto_DataLocation } from 'onnx-buf'
import {
  byteLengthOf,
  type DType,
  dtypeFromCode,
  elementCount,
  inMemory,
  type SparseTensor,
  type Tensor,
  type TensorData,
} from '../ir/index.ts'
import type { ExternalFiles } from './external-data.ts'
import { badModel, type Place } from './problem.ts'
import { decodeMetadata, has, irregular, regularEntries, type Shell, strip } from './shell.ts'
import { TYPED_FIELDS, TypedRange, typedEntries, typedFieldOf } from './typed-data.ts'

/** Elements of one tensor that any engine could hold; larger claims are lies or overflow. */
const MOST_ELEMENTS = 2 ** 48

/**
 * A tensor with its elements by reference. UserError `bad-model` where the bytes that are there are not what dtype and
 * dimensions ask for: nothing is ever allocated on the word of a dimension.
 */
export function decodeTensor(message: TensorProto, files: ExternalFiles, outer: Place): Tensor {
  const { name, docString } = message
  const place = name === '' ? outer : outer.in(`tensor ${JSON.stringify(name)}`)
  const dims = decodeDims(message.dims, place)
  const dtype = dtypeFromCode(message.dataType) ?? 'undefined'
  const data = decodeData(message, dtype, dims, files, place)
  const kept = shellOfTensor(message, dtype, data)
  return {
    name,
    dtype,
    dims,
    data,
    ...(docString === '' ? {} : { docString }),
    ...(kept ? { kept } : {}),
  }
}

function decodeDims(dims: readonly bigint[], place: Place): number[] {
  const list = dims.map((dim) => {
    if (dim < 0n || dim > BigInt(MOST_ELEMENTS)) throw badModel(`a tensor has a dimension of ${dim}`, place)
    return Number(dim)
  })
  // A zero anywhere makes the tensor empty, whatever the other dimensions claim.
  if (elementCount(list.filter((dim) => dim > 0)) > MOST_ELEMENTS)
    throw badModel(`a tensor claims [${list.join(', ')}] elements`, place)
  return list
}

function decodeData(
  message: TensorProto,
  dtype: DType,
  dims: readonly number[],
  files: ExternalFiles,
  place: Place,
): TensorData {
  const count = elementCount(dims)
  if (message.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (dtype === 'string') throw badModel('strings cannot be stored outside the file', place)
    const entries = decodeMetadata(message.externalData)
    const expected = dtype === 'undefined' ? undefined : byteLengthOf(dtype, count)
    return { form: 'external', entries, bytes: files.range(entries, expected, place) }
  }
  const filled = TYPED_FIELDS.filter((field) => message[field].length > 0)
  if (dtype === 'undefined') return { form: 'raw', bytes: inMemory(message.rawData) }
  if (dtype === 'string') {
    if (filled.length > 0 || message.rawData.length > 0) throw badModel('a tensor of strings holds numbers', place)
    expectEntries(message.stringData.length, count, 'strings', dtype, dims, place)
    return { form: 'strings', values: message.stringData }
  }
  if (message.stringData.length > 0) throw badModel(`a tensor of ${dtype} holds strings`, place)
  if (message.rawData.length > 0) {
    if (filled.length > 0) throw badModel('a tensor holds its elements twice', place)
    expectEntries(message.rawData.length, byteLengthOf(dtype, count), 'bytes', dtype, dims, place)
    return { form: 'raw', bytes: inMemory(message.rawData) }
  }
  const field = typedFieldOf(dtype)!
  const wrong = filled.find((other) => other !== field)
  if (wrong) throw badModel(`a tensor of ${dtype} holds its elements in ${wrong}, which is for other types`, place)
  expectEntries(message[field].length, typedEntries(dtype, count), 'elements', dtype, dims, place)
  if (count === 0 && has(message, 'rawData')) return { form: 'raw', bytes: inMemory(message.rawData) }
  return { form: 'typed', bytes: new TypedRange(dtype, count, message[field]) }
}

function expectEntries(
  got: number,
  want: number,
  unit: string,
  dtype: DType,
  dims: readonly number[],
  place: Place,
): void {
  if (got === want) return
  throw badModel(
    got === 0
      ? `a tensor of ${dtype}[${dims.join(',')}] has no elements in the file`
      : `a tensor of ${dtype}[${dims.join(',')}] takes ${want} ${unit}, but ${got} are there`,
    place,
    got === 0 ? 'the weights may have been saved apart: put the whole model in one folder' : undefined,
  )
}

function shellOfTensor(message: TensorProto, dtype: DType, data: TensorData): Shell | undefined {
  const external = data.form === 'external'
  const plainEntries = regularEntries(message.externalData)
  const keep =
    irregular(message, [...(data.form === 'raw' && dtype !== 'undefined' ? ['rawData'] : []), 'dataType']) ||
    dtype === 'undefined' ||
    message.segment !== undefined ||
    message.metadataProps.length > 0 ||
    (external ? !plainEntries || message.rawData.length > 0 : message.externalData.length > 0)
  if (!keep) return undefined
  // Elements of an unknown type stay whole in the shell: nobody can say which field they belong to.
  if (dtype !== 'undefined') {
    strip(message, ...TYPED_FIELDS, 'stringData')
    if (!external && message.rawData.length > 0) strip(message, 'rawData')
  }
  strip(message, 'dims')
  if (external && plainEntries) strip(message, 'externalData')
  return { message }
}

/** Values and places of a sparse tensor. UserError `bad-model` where one of the two is missing. */
export function decodeSparse(message: SparseTensorProto, files: ExternalFiles, outer: Place): SparseTensor {
  const place = outer.in('a sparse tensor')
  if (!message.values || !message.indices) throw badModel('a sparse tensor lacks its values or its indices', place)
  const values = decodeTensor(message.values, files, place)
  const indices = decodeTensor(message.indices, files, place)
  const dims = decodeDims(message.dims, place)
  if (!message.$unknown?.length) return { values, indices, dims }
  strip(message, 'values', 'indices', 'dims')
  return { values, indices, dims, kept: { message } satisfies Shell }
}
