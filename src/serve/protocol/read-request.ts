import { type ByteTensor, bytesIn, inOne, type PortValue } from '../../engine/index.ts'
import { giveBack } from '../../platform/index.ts'
import { invalid, ServeError } from '../serve-error.ts'
import { dtypeOf, elementBytes } from './datatype.ts'
import {
  checkedDims,
  type InferRequest,
  MOST_ID,
  type Parameter,
  type Parameters,
  type RequestedOutput,
} from './infer-request.ts'
import { type JsonObject, objectOf, parseJson } from './json-text.ts'
import { bytesFromJson } from './tensor-json.ts'

/**
 * The request in a body of HTTP, given in pieces that follow one another. With `headerLength`
 * (`Inference-Header-Content-Length`: bytes of JSON before compression) the rest of the body are tensors in the order of
 * the JSON; their bytes are views of the pieces.
 *
 * @throws ServeError for anything that is not a request.
 */
export function readRequest(body: readonly Uint8Array[], headerLength: number | null): InferRequest {
  const { text, rest } = parted(body, headerLength)
  const bytes = inOne(text)
  return withTensors(headerLength === null ? readHead(bytes) : rememberedHead(bytes), rest)
}

/** Read JSON takes up to a dozen times the memory of its text, and reading it cannot be broken off. */
const MOST_TEXT_BYTES = 64 << 20

/** The same where the JSON is large, which others must not wait for. A body that is all JSON is given back. */
export async function readLargeRequest(
  body: readonly Uint8Array[],
  headerLength: number | null,
  read: (text: Uint8Array<ArrayBuffer>) => Promise<Head>,
): Promise<InferRequest> {
  const { text, rest } = parted(body, headerLength)
  const length = bytesIn(text)
  if (length > MOST_TEXT_BYTES)
    throw new ServeError(
      'too-large',
      `the JSON of the request has ${length} bytes, and at most ${MOST_TEXT_BYTES} are read; send the tensors as binary data (binary_data_size, Inference-Header-Content-Length)`,
    )
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of text) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  if (rest === null) giveBack(body)
  return withTensors(await read(bytes), rest)
}

/** The JSON, and what lies behind it where there may be something. */
function parted(body: readonly Uint8Array[], headerLength: number | null) {
  const whole = new Pieces(body)
  if (headerLength !== null && headerLength > whole.left)
    throw invalid(`Inference-Header-Content-Length is ${headerLength}, but the body has ${whole.left} bytes`)
  return { text: whole.take(headerLength ?? whole.left), rest: headerLength === null ? null : whole }
}

function withTensors(head: Head, rest: Pieces | null): InferRequest {
  const binary = new BinarySection(rest)
  const inputs = head.inputs.map((input) => placed(input, binary))
  binary.finish()
  return { id: head.id, parameters: head.parameters, inputs, outputs: head.outputs }
}

/** What the JSON of a request says. */
export interface Head extends Omit<InferRequest, 'inputs'> {
  readonly inputs: readonly HeadInput[]
}

/** An input with its data, or with what the JSON calls their size behind it. */
type HeadInput = ByteTensor | (Omit<ByteTensor, 'pieces'> & { readonly size: Parameter })

/** @throws ServeError for anything that is not a request. */
export function readHead(bytes: Uint8Array): Head {
  const json = objectOf(parseJson(bytes), 'the request')
  const parameters = parametersOf(json.parameters, 'the request')
  const { binary_data_output: allBinary = false } = parameters
  if (typeof allBinary !== 'boolean') throw invalid("parameter 'binary_data_output' must be true or false")
  if (!Array.isArray(json.inputs))
    throw invalid("Unable to parse 'inputs': attempt to access non-existing object member 'inputs'")
  return {
    inputs: json.inputs.map((value) => readInput(objectOf(value, "'inputs'"))),
    id: idOf(json.id),
    parameters,
    outputs: outputsOf(json.outputs, allBinary),
  }
}

/** Longer ones hold data, and come once. */
const REMEMBERED_BYTES = 1024
const MOST_REMEMBERED = 256
const remembered = new Map<string, Head>()

/**
 * The JSON before binary tensors is the same in every request of a client that gives no ids: read once, the rest is a
 * look into a table of a few hundred.
 */
function rememberedHead(bytes: Uint8Array): Head {
  if (bytes.byteLength > REMEMBERED_BYTES) return readHead(bytes)
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const known = remembered.get(key)
  if (known) return known
  const head = readHead(bytes)
  if (head.id !== '') return head
  if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!)
  remembered.set(key, head)
  return head
}

/**
 * A body without JSON (header length 0): the bytes of the only input, which may have one open dimension; every output
 * comes back as bytes.
 *
 * @throws ServeError where the model has other inputs, or the bytes do not divide.
 */
export function rawRequest(body: readonly Uint8Array[], inputs: readonly PortValue[], model: string): InferRequest {
  const [input] = inputs
  const bytes = new Pieces(body).left
  if (inputs.length !== 1 || !input)
    throw invalid(
      `raw binary request is supported only for models with one input, model '${model}' has ${inputs.length}`,
    )
  const open = input.shape?.filter((dim) => typeof dim !== 'number').length ?? 2
  const size = elementBytes(input.dtype)
  if (open > 1 || (input.dtype === 'string' && open > 0))
    throw invalid(
      `raw binary request is supported only for inputs with at most one dynamic dimension, model '${model}'`,
    )
  const known = input.shape!.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1)
  const rest = size === 0 ? 1 : bytes / (known * size)
  if (open === 1 && !Number.isInteger(rest))
    throw invalid(`input byte size mismatch for input '${input.name}' for model '${model}'`)
  const dims = input.shape!.map((dim) => (typeof dim === 'number' ? dim : rest))
  return {
    id: '',
    parameters: { binary_data_output: true },
    inputs: [{ name: input.name, dtype: input.dtype, dims, pieces: readable(input.dtype, body) }],
    outputs: null,
  }
}

function readInput(json: JsonObject): HeadInput {
  const { name } = json
  if (typeof name !== 'string') throw invalid("Unable to parse 'inputs': expected a string as 'name'")
  const dtype = dtypeOf(json.datatype, name)
  const dims = checkedDims(json.shape, name)
  const size = parametersOf(json.parameters, `input '${name}'`).binary_data_size
  if (size === undefined) {
    if (json.data === undefined) throw invalid(`Unable to parse 'data': inference input '${name}' has no data`)
    return { name, dtype, dims, pieces: [bytesFromJson(json.data, dtype, dims, name)] }
  }
  if (json.data !== undefined)
    throw invalid(`must not specify both 'data' and 'binary_data_size' for inference input '${name}'`)
  return { name, dtype, dims, size }
}

/** An input with its bytes, wherever they were. */
function placed(input: HeadInput, binary: BinarySection): ByteTensor {
  if (!('size' in input)) return input
  const { name, dtype, dims, size } = input
  return { name, dtype, dims, pieces: readable(dtype, binary.take(size, name)) }
}

/** Strings are read one after another, wherever the network cut them: in one piece. */
const readable = (dtype: ByteTensor['dtype'], pieces: readonly Uint8Array[]): readonly Uint8Array[] =>
  dtype === 'string' ? [inOne(pieces)] : pieces

/** Bytes in pieces, taken from front to back. */
class Pieces {
  readonly #pieces: readonly Uint8Array[]
  #index = 0
  #at = 0
  left: number

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces
    this.left = bytesIn(pieces)
  }

  /** The next `size` bytes; there must be as many. */
  take(size: number): readonly Uint8Array[] {
    const taken: Uint8Array[] = []
    for (let missing = size; missing > 0; ) {
      const piece = this.#pieces[this.#index]!
      const part = piece.subarray(this.#at, this.#at + missing)
      taken.push(part)
      missing -= part.byteLength
      this.#at += part.byteLength
      if (this.#at === piece.byteLength) {
        this.#index++
        this.#at = 0
      }
    }
    this.left -= size
    return taken
  }
}

/** The tensors behind the JSON. */
class BinarySection {
  readonly #bytes: Pieces | null

  constructor(bytes: Pieces | null) {
    this.#bytes = bytes
  }

  take(size: Parameter, name: string): readonly Uint8Array[] {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw invalid(`binary_data_size of inference input '${name}' must be a whole number from 0`)
    if (this.#bytes === null)
      throw invalid(`must specify Inference-Header-Content-Length to send binary data for inference input '${name}'`)
    if (size > this.#bytes.left)
      throw invalid(
        `unexpected end of binary data for inference input '${name}': ${size} bytes are said, ${this.#bytes.left} are there`,
      )
    return this.#bytes.take(size)
  }

  finish(): void {
    if (this.#bytes !== null && this.#bytes.left > 0)
      throw invalid(`unexpected additional input data for model: ${this.#bytes.left} bytes beyond the tensors`)
  }
}

function outputsOf(value: unknown, allBinary: boolean): readonly RequestedOutput[] | null {
  if (value === undefined || value === null) return null
  if (!Array.isArray(value)) throw invalid("Unable to parse 'outputs': expected an array")
  if (value.length === 0) return null
  return value.map((entry) => {
    const { name, parameters } = objectOf(entry, "'outputs'")
    if (typeof name !== 'string') throw invalid("Unable to parse 'outputs': expected a string as 'name'")
    return requestedOutput(name, parametersOf(parameters, `output '${name}'`), allBinary)
  })
}

/** @throws ServeError for a classification that is no count. */
export function requestedOutput(name: string, parameters: Parameters, allBinary: boolean): RequestedOutput {
  const { classification = 0, binary_data: binary = allBinary } = parameters
  if (typeof classification !== 'number' || !Number.isSafeInteger(classification) || classification < 0)
    throw invalid(`classification of output '${name}' must be a whole number`)
  if (typeof binary !== 'boolean') throw invalid(`binary_data of output '${name}' must be true or false`)
  return { name, binary, classes: classification }
}

function idOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw invalid("Unable to parse 'id': expected a string")
  if (value.length > MOST_ID) throw invalid(`Unable to parse 'id': longer than ${MOST_ID} characters`)
  return value
}

function parametersOf(value: unknown, what: string): Parameters {
  if (value === undefined || value === null) return {}
  const entries = Object.entries(objectOf(value, `'parameters' of ${what}`))
  for (const [name, parameter] of entries)
    if (typeof parameter !== 'string' && typeof parameter !== 'number' && typeof parameter !== 'boolean')
      throw invalid(`Unable to parse 'parameters' of ${what}: '${name}' must be a string, a number or a boolean`)
  return Object.fromEntries(entries) as Parameters
}
