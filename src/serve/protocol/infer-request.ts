import { isUtf8 } from 'node:buffer'
import type { ByteTensor, PortValue } from '../../engine/index.ts'
import { bytesIn, eachString } from '../../engine/index.ts'
import { elementCount, fitsShape } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { invalid } from '../serve-error.ts'
import { datatypeOf, elementBytes, protocolShape } from './datatype.ts'

export type Parameter = string | number | boolean
/** What the protocol lets a request, an input or an output say beside its tensors. */
export type Parameters = Readonly<Record<string, Parameter>>

/** An output that the client asked for. */
export interface RequestedOutput {
  readonly name: string
  readonly binary: boolean
  /** With k > 0, the k greatest elements of each row as `value:index` instead of the tensor. */
  readonly classes: number
}

/** Characters of the id of a request. */
export const MOST_ID = 256

/** A request as either face read it: the bytes of each tensor, not yet compared with the model. */
export interface InferRequest {
  readonly id: string
  readonly parameters: Parameters
  readonly inputs: readonly ByteTensor[]
  /** null: every output of the model. */
  readonly outputs: readonly RequestedOutput[] | null
}

/** More elements than any request can carry; products of dimensions stay exact far above it. */
const MOST_ELEMENTS = 2 ** 40

/** @throws ServeError for dimensions that are no counts, and for products that nobody could send. */
export function checkedDims(value: unknown, input: string): readonly number[] {
  if (!Array.isArray(value) || value.length > 64)
    throw invalid(`Unable to parse 'shape' of inference input '${input}': expected an array of at most 64 dimensions`)
  let count = 1
  for (const dim of value) {
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim) || dim < 0)
      throw invalid(`shape for inference input '${input}' must have dimensions that are whole numbers from 0`)
    count *= Math.max(dim, 1)
    if (count > MOST_ELEMENTS) throw invalid(`shape for inference input '${input}' exceeds the largest supported size`)
  }
  return value as readonly number[]
}

/** @throws ServeError where the bytes are not what datatype and shape say. */
function checkBytes(tensor: ByteTensor, model: string): void {
  const { name, dtype, dims } = tensor
  const count = elementCount(dims)
  const got = bytesIn(tensor.pieces)
  if (dtype === 'string') {
    const strings = checkedStrings(tensor.pieces[0] ?? new Uint8Array(0), name, model)
    if (strings !== count)
      throw invalid(
        `expected ${count} string elements for inference input '${name}' for model '${model}', got ${strings}`,
      )
    return
  }
  const expected = count * elementBytes(dtype)
  if (got !== expected)
    throw invalid(`input byte size mismatch for input '${name}' for model '${model}'. Expected ${expected}, got ${got}`)
  // Of other bytes kernels make what they like: a Where picks neither of its values.
  if (dtype === 'bool')
    for (const piece of tensor.pieces) {
      const wrong = piece.find((byte) => byte > 1)
      if (wrong !== undefined)
        throw invalid(`inference input '${name}' holds the byte ${wrong}, which is no BOOL; send 0 or 1`)
    }
}

/** How many strings there are. */
function checkedStrings(bytes: Uint8Array, name: string, model: string): number {
  let strings = 0
  const check = (from: number, to: number) => {
    strings++
    if (from === to) return
    const text = bytes.subarray(from, to)
    // The runtime takes a zero for the end of a string.
    if (text.includes(0))
      throw invalid(`inference input '${name}' holds a string with a zero character, which the runtime would cut there`)
    // The runtime takes strings as text: of other bytes it would make replacement characters.
    if (!isUtf8(text))
      throw invalid(
        `inference input '${name}' holds a string that is no UTF-8 (element ${strings - 1}), which the runtime would change; send text in UTF-8`,
      )
  }
  try {
    eachString(bytes, name, check)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw invalid(`incomplete string data for inference input '${name}' for model '${model}'`)
  }
  return strings
}

/**
 * Compares a request with the model's ports: every input there once, datatypes, ranks, fixed dimensions, sizes in
 * bytes, outputs that exist and are asked for once. Gives the tensors in the model's order.
 *
 * @throws ServeError with the words that clients of other servers know.
 */
export function matchInputs(
  request: InferRequest,
  ports: { readonly inputs: readonly PortValue[]; readonly outputs: readonly PortValue[] },
  model: string,
): readonly ByteTensor[] {
  const given = new Map<string, ByteTensor>()
  for (const tensor of request.inputs) {
    if (given.has(tensor.name)) throw invalid(`input '${tensor.name}' already exists in request for model '${model}'`)
    given.set(tensor.name, tensor)
    if (!ports.inputs.some(({ name }) => name === tensor.name))
      throw invalid(`unexpected inference input '${tensor.name}' for model '${model}'`)
  }
  const missing = ports.inputs.filter(({ name }) => !given.has(name))
  if (missing.length > 0)
    throw invalid(
      `expected ${ports.inputs.length} inputs but got ${given.size} inputs for model '${model}'. Got input(s) [${quoted([...given.keys()])}], but missing required input(s) [${quoted(missing.map(({ name }) => name))}]. Please provide all required input(s).`,
    )
  checkOutputs(request, ports.outputs, model)
  return ports.inputs.map((port) => {
    const tensor = given.get(port.name)!
    if (tensor.dtype !== port.dtype)
      throw invalid(
        `inference input '${port.name}' data-type is '${datatypeOf(tensor.dtype)}', but model '${model}' expects '${datatypeOf(port.dtype)}'`,
      )
    if (!fitsShape(tensor.dims, port.shape))
      throw invalid(
        `unexpected shape for input '${port.name}' for model '${model}'. Expected [${protocolShape(port.shape).join(',')}], got [${tensor.dims.join(',')}]`,
      )
    checkBytes(tensor, model)
    return tensor
  })
}

function checkOutputs({ outputs }: InferRequest, ports: readonly PortValue[], model: string): void {
  const seen = new Set<string>()
  for (const { name } of outputs ?? []) {
    if (!ports.some((port) => port.name === name))
      throw invalid(`unexpected inference output '${name}' for model '${model}'`)
    if (seen.has(name)) throw invalid(`output '${name}' is requested more than once for model '${model}'`)
    seen.add(name)
  }
}

const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(',')
