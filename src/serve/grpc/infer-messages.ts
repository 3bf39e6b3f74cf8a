import { type ByteTensor, joinStrings } from '../../engine/index.ts'
import { arrayTypeOf, type DType, elementCount, type NumericArray } from '../../ir/index.ts'
import { datatypeOf, dtypeOf } from '../protocol/datatype.ts'
import { type InferAnswer, requestedOutputs } from '../protocol/infer-answer.ts'
import { checkedDims, type InferRequest, MOST_ID, type Parameters } from '../protocol/infer-request.ts'
import { requestedOutput } from '../protocol/read-request.ts'
import { invalid } from '../serve-error.ts'
import { encode, withBytes } from './messages.ts'

interface ParameterMessage {
  readonly parameterChoice: { readonly case?: string; readonly value?: boolean | bigint | string | number }
}
type ParameterMap = Readonly<Record<string, ParameterMessage>>

interface Contents {
  readonly boolContents: readonly boolean[]
  readonly intContents: readonly number[]
  readonly int64Contents: readonly bigint[]
  readonly uintContents: readonly number[]
  readonly uint64Contents: readonly bigint[]
  readonly fp32Contents: readonly number[]
  readonly fp64Contents: readonly number[]
  readonly bytesContents: readonly Uint8Array[]
}

interface InferTensorMessage {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly bigint[]
  readonly parameters: ParameterMap
  readonly contents?: Contents
}

/** `ModelInferRequest` of the Open Inference Protocol, as it was decoded. */
export interface ModelInferRequest {
  readonly modelName: string
  readonly modelVersion: string
  readonly id: string
  readonly parameters: ParameterMap
  readonly inputs: readonly InferTensorMessage[]
  readonly outputs: readonly { readonly name: string; readonly parameters: ParameterMap }[]
  /** One for each input, in their order, where none has `contents`. */
  readonly rawInputContents: readonly Uint8Array[]
}

/**
 * A request of gRPC in the form that both faces share.
 *
 * @throws ServeError
 */
export function requestOfMessage(message: ModelInferRequest): InferRequest {
  const { modelName: model, rawInputContents: raw } = message
  if (raw.length > 0) {
    const mixed = message.inputs.find(({ contents }) => contents && Object.values(contents).some(isFilled))
    if (mixed)
      throw invalid(
        `contents field must not be specified when using raw_input_contents for '${mixed.name}' for model '${model}'`,
      )
    if (raw.length !== message.inputs.length)
      throw invalid(
        `expected ${message.inputs.length} raw_input_contents for model '${model}', one for each input, got ${raw.length}`,
      )
  }
  if (message.id.length > MOST_ID) throw invalid(`the id is longer than ${MOST_ID} characters`)
  return {
    id: message.id,
    parameters: parametersOf(message.parameters),
    inputs: message.inputs.map((input, i) => tensorOf(input, raw[i], model)),
    outputs:
      message.outputs.length === 0
        ? null
        : message.outputs.map(({ name, parameters }) => {
            const { binary_data: _, ...rest } = parametersOf(parameters)
            return requestedOutput(name, rest, true)
          }),
  }
}

const isFilled = (list: unknown) => Array.isArray(list) && list.length > 0

function tensorOf(input: InferTensorMessage, raw: Uint8Array | undefined, model: string): ByteTensor {
  const { name, datatype, contents } = input
  const dtype = dtypeOf(datatype, name)
  const dims = checkedDims(
    input.shape.map((dim) => Number(dim)),
    name,
  )
  for (const parameter of Object.keys(input.parameters))
    if (/^shared_memory/.test(parameter)) throw invalid(`shared memory is not supported (input '${name}')`)
  if (raw) return { name, dtype, dims, pieces: [raw] }
  return { name, dtype, dims, pieces: [bytesOfContents(contents, dtype, elementCount(dims), name, model)] }
}

/** The field of `contents` that holds each type. */
const FIELD: Readonly<Partial<Record<DType, keyof Contents>>> = {
  bool: 'boolContents',
  int8: 'intContents',
  int16: 'intContents',
  int32: 'intContents',
  int64: 'int64Contents',
  uint8: 'uintContents',
  uint16: 'uintContents',
  uint32: 'uintContents',
  uint64: 'uint64Contents',
  float32: 'fp32Contents',
  float64: 'fp64Contents',
  string: 'bytesContents',
}

function bytesOfContents(
  contents: Contents | undefined,
  dtype: DType,
  count: number,
  name: string,
  model: string,
): Uint8Array {
  const field = FIELD[dtype]
  if (!field)
    throw invalid(
      `datatype ${datatypeOf(dtype)} needs raw_input_contents for inference input '${name}' for model '${model}'`,
    )
  const list = contents?.[field] ?? []
  if (list.length !== count)
    throw invalid(
      `unexpected number of elements in contents for input '${name}' for model '${model}'. Expected ${count}, got ${list.length}`,
    )
  if (dtype === 'string') return joinStrings(list as readonly Uint8Array[])
  const array = (arrayTypeOf(dtype) as { from(list: ArrayLike<unknown>): NumericArray }).from(
    dtype === 'bool' ? (list as readonly boolean[]).map(Number) : list,
  )
  for (let i = 0; i < count; i++)
    if (dtype !== 'float32' && dtype !== 'bool' && array[i] !== list[i] && !Number.isNaN(list[i]))
      throw invalid(`inference input '${name}' holds ${list[i]}, which is no ${datatypeOf(dtype)}`)
  return new Uint8Array(array.buffer as ArrayBuffer)
}

function parametersOf(map: ParameterMap): Parameters {
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, { parameterChoice }]) => {
      const { value } = parameterChoice
      return value === undefined ? [] : [[name, typeof value === 'bigint' ? Number(value) : value]]
    }),
  )
}

/** The encoded `ModelInferResponse`: tensors as `raw_output_contents`, which is what clients read. */
export function encodeAnswer(request: InferRequest, answer: InferAnswer): Buffer {
  const outputs = requestedOutputs(request, answer).map(({ tensor }) => tensor)
  const head = encode('ModelInferResponse', {
    modelName: answer.model,
    modelVersion: answer.version,
    id: request.id,
    outputs: outputs.map(({ name, dtype, dims }) => ({ name, datatype: datatypeOf(dtype), shape: dims.map(BigInt) })),
  })
  return withBytes(
    head,
    6,
    outputs.map(({ pieces }) => pieces),
  )
}
