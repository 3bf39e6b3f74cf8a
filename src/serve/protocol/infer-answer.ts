import { type ByteTensor, bytesIn, valueOfBytes, writeStrings } from '../../engine/index.ts'
import { elementCount, type NumericArray } from '../../ir/index.ts'
import { invalid } from '../serve-error.ts'
import { datatypeOf } from './datatype.ts'
import type { InferRequest, RequestedOutput } from './infer-request.ts'
import type { LargeJson } from './large-json.ts'
import { jsonOf } from './tensor-json.ts'

/** What a version answered. */
export interface InferAnswer {
  readonly model: string
  readonly version: string
  /** The model's outputs, or those asked for, as tensors. */
  readonly outputs: readonly ByteTensor[]
}

/** The outputs in the order and form in which they were asked for. */
export function requestedOutputs(
  request: InferRequest,
  answer: InferAnswer,
): readonly { readonly tensor: ByteTensor; readonly asked: RequestedOutput }[] {
  const binary = request.parameters.binary_data_output === true
  const asked = request.outputs ?? answer.outputs.map(({ name }) => ({ name, binary, classes: 0 }))
  return asked.map((one) => {
    const tensor = answer.outputs.find(({ name }) => name === one.name)!
    return { tensor: one.classes > 0 ? topClasses(tensor, one.classes) : tensor, asked: one }
  })
}

/**
 * The body of an answer over HTTP; `headerLength` is null where all of it is JSON. The elements of large tensors are
 * written where others do not wait for them.
 */
export async function writeAnswer(
  request: InferRequest,
  answer: InferAnswer,
  json: LargeJson,
): Promise<{ readonly pieces: readonly Uint8Array[]; readonly headerLength: number | null }> {
  const requested = requestedOutputs(request, answer)
  const large = await json.write(requested.filter(({ asked }) => !asked.binary).map(({ tensor }) => tensor))
  const binaries: Uint8Array[] = []
  const texts: Uint8Array[] = []
  const id = request.id === '' ? '' : `"id":${JSON.stringify(request.id)},`
  let text = `{${id}"model_name":${JSON.stringify(answer.model)},"model_version":${JSON.stringify(answer.version)},"outputs":[`
  for (const [i, { tensor, asked }] of requested.entries()) {
    text += `${i > 0 ? ',' : ''}{"name":${JSON.stringify(tensor.name)},"datatype":"${datatypeOf(tensor.dtype)}","shape":[${tensor.dims.join(',')}],`
    if (asked.binary) {
      for (const piece of tensor.pieces) if (piece.byteLength > 0) binaries.push(piece)
      text += `"parameters":{"binary_data_size":${bytesIn(tensor.pieces)}}}`
      continue
    }
    const written = large.get(tensor)
    if (written) {
      texts.push(Buffer.from(`${text}"data":`), written)
      text = '}'
    } else text += `"data":${jsonOf(tensor)}}`
  }
  texts.push(Buffer.from(`${text}]}`))
  const binary = requested.length > 0 && requestedBinary(request, answer)
  const length = bytesIn(texts)
  return { pieces: [...texts, ...binaries], headerLength: binary ? length : null }
}

const requestedBinary = (request: InferRequest, answer: InferAnswer): boolean =>
  request.outputs === null
    ? request.parameters.binary_data_output === true && answer.outputs.length > 0
    : request.outputs.some(({ binary }) => binary)

/**
 * The classification extension: for each row the k greatest values as `value:index`, greatest first (of equals the first
 * index, NaN last). The last dimension holds the classes.
 *
 * @throws ServeError for outputs that are no numbers.
 */
function topClasses(tensor: ByteTensor, k: number): ByteTensor {
  const { name, dtype, dims, pieces } = tensor
  if (dtype === 'string' || dtype === 'bool' || dtype === 'float16' || dtype === 'bfloat16')
    throw invalid(`class result not available for output '${name}' due to unsupported type '${datatypeOf(dtype)}'`)
  const bytes = pieces[0] ?? new Uint8Array(0)
  const values = valueOfBytes({ ...tensor, pieces: [bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)] })
    .data as NumericArray
  const width = dims.at(-1) ?? 1
  const kept = Math.min(k, width)
  const rows = width === 0 ? 0 : elementCount(dims) / width
  const texts: string[] = []
  for (let row = 0; row < rows; row++) {
    const at = (i: number) => values[row * width + i]!
    const order = Array.from({ length: width }, (_, i) => i).sort((a, b) => {
      const [one, other] = [at(a), at(b)]
      if (other > one) return 1
      if (other < one) return -1
      // NaN is greater than nothing: last, or it would part numbers that nobody then compares.
      return Number(Number.isNaN(one)) - Number(Number.isNaN(other)) || a - b
    })
    for (const i of order.slice(0, kept)) {
      const value = at(i)
      texts.push(`${typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(6) : value}:${i}`)
    }
  }
  return { name, dtype: 'string', dims: [...dims.slice(0, -1), kept], pieces: [writeStrings(texts)] }
}
